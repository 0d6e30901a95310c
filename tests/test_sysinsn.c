#include <check.h>
Suite *suite_sysinsn(void);
Suite *suite_sysinsn(void) { return suite_create("sysinsn"); }
