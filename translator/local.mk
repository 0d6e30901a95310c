# The translator: table and decoder, emitter, lowering, listings.
translator_SRCS += translator/optab.c translator/decode.c translator/insn.c \
	translator/emit.c translator/scan.c translator/flags.c translator/source.c \
	translator/lower_mem.c translator/lower_copy.c \
	translator/lower_stack.c translator/lower_string.c \
	translator/lower_branch.c translator/lower_system.c \
	translator/xlate.c translator/reloc.c translator/listing.c \
	translator/vdecode.c translator/verify.c translator/verify_value.c \
	translator/verify_mem.c translator/verify_state.c \
	translator/verify_copy.c translator/verify_glue.c \
	translator/verify_flow.c translator/verify_flags.c
