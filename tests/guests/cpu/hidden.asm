; An exception handler for a stack in hidden memory, from which nothing can be popped: ends the attempt with 77 and uses no stack.
bits 64
section .text
extern abandon
global ends_attempt
ends_attempt:
    mov edi, 77
    jmp abandon
