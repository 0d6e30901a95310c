# Instruction table and decoder.
translator_SRCS += translator/optab.c translator/decode.c translator/insn.c
