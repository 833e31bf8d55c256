; Into a domU's vCPU and back: a call, as C sees it. C's own registers stay on the stack that HOST_RSP names.
%include "generated/constants.inc"
global domu_enter, domu_arrive

bits 64
section .text
; RDI: struct cpu, whose registers become the guest's; ESI: 1 if this VMCS was launched since it was made clear.
; EAX: 1 after an exit, 0 if the processor refused the instruction itself. SDM: 27.1
domu_enter:
        push rbp
        push rbx
        push r12
        push r13
        push r14
        push r15
        push rdi
        mov eax, VMCS_HOST_RSP
        vmwrite rax, rsp
        test esi, esi
        mov rax, [rdi]
        mov rcx, [rdi + 8]
        mov rdx, [rdi + 16]
        mov rbx, [rdi + 24]
        mov rsi, [rdi + 32]
        mov r8,  [rdi + 48]
        mov r9,  [rdi + 56]
        mov r10, [rdi + 64]
        mov r11, [rdi + 72]
        mov rbp, [rdi + 80]
        mov r12, [rdi + 88]
        mov r13, [rdi + 96]
        mov r14, [rdi + 104]
        mov r15, [rdi + 112]
        mov rdi, [rdi + 40]
        jnz .again
        vmlaunch
        jmp .refused
.again: vmresume
.refused:
        pop rdi
        xor eax, eax
        jmp back

domu_arrive:
        push rdi
        mov rdi, [rsp + 8]
        mov [rdi], rax
        mov [rdi + 8], rcx
        mov [rdi + 16], rdx
        mov [rdi + 24], rbx
        mov [rdi + 32], rsi
        pop qword [rdi + 40]
        mov [rdi + 48], r8
        mov [rdi + 56], r9
        mov [rdi + 64], r10
        mov [rdi + 72], r11
        mov [rdi + 80], rbp
        mov [rdi + 88], r12
        mov [rdi + 96], r13
        mov [rdi + 104], r14
        mov [rdi + 112], r15
        pop rdi
        mov eax, 1
back:   pop r15
        pop r14
        pop r13
        pop r12
        pop rbx
        pop rbp
        ret
