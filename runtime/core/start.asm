; Into the hypervisor's final page tables, on the boot CPU and on the others.
global switch_page_tables, ap_entry, ap_stack, boot_stack_top, host_halt
extern cpu_main_ap

bits 64
section .text
; RDI: CR3, RSI: stack, RDX: where to continue, RCX: its argument. Nothing of the old address space is used after the first line.
switch_page_tables:
        mov cr3, rdi
        mov rsp, rsi
        mov rdi, rcx
        call rdx

; From the low page: long mode, final tables, no stack yet. A CPU that was given up and comes late finds none.
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
