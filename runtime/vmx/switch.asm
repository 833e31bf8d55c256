; dom0's launch, and the end of NMI blocking. Exits and all other VM entries are in generated/vmx/exits.asm.
%include "generated/vmx/constants.inc"
%include "generated/vmx/registers.inc"
global guest_launch, nmi_unmask
extern vmresume_failed

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
