; Into a domU's vCPU and back: a call that keeps RSP and RBP alone. Both stay on the stack that HOST_RSP names.
%include "generated/constants.inc"
global domu_enter, domu_arrive

; struct luv_run; RSP is the VMCS's. What lies between RSI and RBP is skipped.
%define RUN_RAX 0
%define RUN_RBX 8
%define RUN_RCX 16
%define RUN_RDX 24
%define RUN_RSI 32
%define RUN_RDI 40
%define RUN_RBP 56
%define RUN_R8 64
%define RUN_R9 72
%define RUN_R10 80
%define RUN_R11 88
%define RUN_R12 96
%define RUN_R13 104
%define RUN_R14 112
%define RUN_R15 120

bits 64
section .text
; RDI: struct luv_run, whose registers become the guest's; ESI: not 0 if this VMCS was launched since it was made clear.
; EAX: 1 after an exit, 0 if the processor entry_refused the instruction itself. SDM: 27.1
domu_enter:
        push rbp
        push rdi
        mov eax, VMCS_HOST_RSP
        vmwrite rax, rsp
        test esi, esi
        mov rax, [rdi + RUN_RAX]
        mov rbx, [rdi + RUN_RBX]
        mov rcx, [rdi + RUN_RCX]
        mov rdx, [rdi + RUN_RDX]
        mov rsi, [rdi + RUN_RSI]
        mov rbp, [rdi + RUN_RBP]
        mov r8,  [rdi + RUN_R8]
        mov r9,  [rdi + RUN_R9]
        mov r10, [rdi + RUN_R10]
        mov r11, [rdi + RUN_R11]
        mov r12, [rdi + RUN_R12]
        mov r13, [rdi + RUN_R13]
        mov r14, [rdi + RUN_R14]
        mov r15, [rdi + RUN_R15]
        mov rdi, [rdi + RUN_RDI]
        jnz .again
        vmlaunch
        jmp .entry_refused
.again: vmresume
.entry_refused:
        pop rdi
        xor eax, eax
        jmp back

domu_arrive:
        push rdi
        mov rdi, [rsp + 8]
        mov [rdi + RUN_RAX], rax
        mov [rdi + RUN_RBX], rbx
        mov [rdi + RUN_RCX], rcx
        mov [rdi + RUN_RDX], rdx
        mov [rdi + RUN_RSI], rsi
        pop qword [rdi + RUN_RDI]
        mov [rdi + RUN_RBP], rbp
        mov [rdi + RUN_R8], r8
        mov [rdi + RUN_R9], r9
        mov [rdi + RUN_R10], r10
        mov [rdi + RUN_R11], r11
        mov [rdi + RUN_R12], r12
        mov [rdi + RUN_R13], r13
        mov [rdi + RUN_R14], r14
        mov [rdi + RUN_R15], r15
        pop rdi
        mov eax, 1
back:   pop rbp
        ret
