; An exception handler for a stack that keeps nothing: it ends the attempt with 77 and touches no stack of its own.
bits 64
section .text
extern abandon
global ends_attempt
ends_attempt:
    mov edi, 77
    jmp abandon
