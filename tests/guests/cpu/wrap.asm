; Jumps to 32-bit code at the end of its segment, which returns by a far return.
%include "low.inc"
bits 64
section .text
global call_wrap32
call_wrap32:
    push rbx
    mov [kept], rsp
    lea rax, [.compatible]
    push CODE32
    push rax
    retfq
bits 32
.compatible:
    mov esp, STACK32
    push dword CODE32
    push dword .back
    jmp WRAP32:0xFFFFFFFE
.back:
    jmp CODE64:.long
bits 64
.long:
    mov rsp, [kept]
    pop rbx
    ret
section .bss
kept: resq 1
