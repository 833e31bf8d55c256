; Into the guest, and between the boot world and the final one.
global guest_launch, switch_page_tables, nmi_unmask, host_halt, ap_entry, ap_stack, boot_stack_top
extern vmresume_failed, cpu_main_ap

bits 64
section .text
; RDI: struct cpu. Its registers become the guest's. The VMCS is clear, so this is always a launch. SDM: 27.1
guest_launch:
        mov rsp, rdi
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
        vmlaunch
        mov rdi, rsp
        call vmresume_failed

; RDI: CR3, RSI: stack, RDX: where to, RCX: its argument. Nothing of the old world is used after the first line.
switch_page_tables:
        mov cr3, rdi
        mov rsp, rsi
        mov rdi, rcx
        call rdx

; An NMI exit leaves NMIs blocked until an IRET. SDM: 28.2.3, 6.7.1
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

; From the low page: long mode, final tables, no stack yet. One that was given up and comes late finds none.
ap_entry:
        xor esp, esp
        xchg rsp, [rel ap_stack]
        test rsp, rsp
        jz host_halt
        mov rdi, rsp
        call cpu_main_ap

host_halt:
        cli
        hlt
        jmp host_halt

section .bss
alignb 4096
        resb 8192
boot_stack_top:

section .data
align 8
ap_stack: dq 0
