; VM entries from C: dom0's launch, and a vCPU's entry with the exit that follows. dom0's exits are in generated/vmx/dom0_exit.asm.
%include "generated/vmx/constants.inc"
%include "generated/vmx/registers.inc"
global guest_launch, nmi_unmask, vcpu_vm_entry, vcpu_vm_exit
extern vmresume_failed

; struct luv_run; RSP, between RDI and RBP, is in the VMCS.
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
; RDI: struct cpu, whose registers become the guest's. The VMCS is clear, so this is always a launch. SDM: 27.1
guest_launch:
        mov rsp, rdi
        mov rax, [rdi + registers.rax]
        mov rcx, [rdi + registers.rcx]
        mov rdx, [rdi + registers.rdx]
        mov rbx, [rdi + registers.rbx]
        mov rsi, [rdi + registers.rsi]
        mov r8,  [rdi + registers.r8]
        mov r9,  [rdi + registers.r9]
        mov r10, [rdi + registers.r10]
        mov r11, [rdi + registers.r11]
        mov rbp, [rdi + registers.rbp]
        mov r12, [rdi + registers.r12]
        mov r13, [rdi + registers.r13]
        mov r14, [rdi + registers.r14]
        mov r15, [rdi + registers.r15]
        mov rdi, [rdi + registers.rdi]
        vmlaunch
        mov rdi, rsp
        call vmresume_failed

; After an exit by an NMI, NMIs are blocked until an IRET. SDM: 28.2.3, 6.7.1
nmi_unmask:
        mov rax, rsp
        mov ecx, ss
        push rcx
        push rax
        pushfq
        mov ecx, cs
        push rcx
        lea rax, [rel .open]
        push rax
        iretq
.open:  ret

; RDI: struct luv_run, whose registers become the guest's; ESI: not 0 if this VMCS was launched since it was cleared.
; EAX: 1 after an exit, 0 if the processor refused the instruction itself. SDM: 27.1
; RSP and RBP are kept: RBP on the stack, RSP in HOST_RSP.
vcpu_vm_entry:
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
        jmp .refused
.again: vmresume
.refused:
        pop rdi
        xor eax, eax
        jmp back

vcpu_vm_exit:
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
