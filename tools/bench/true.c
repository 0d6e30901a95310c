// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * true.c - the program that the row "exec" starts: does nothing, well.
 */
int main(void)
{
	return 0;
}
