/*
 * The first line of every *.32.c: gcc -m32 writes 32-bit code, and the assembler encodes it as such in a 64-bit object file,
 * so that one link joins both kinds. A reference from here to what is linked at HV_VA does not fit and fails that link.
 */
asm(".code32");
