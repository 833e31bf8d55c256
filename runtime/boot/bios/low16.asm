; The low page: 16-bit code and data in one page at the top of conventional memory, which dom0's memory maps show as
; reserved. It is linked at 0, so a label is an offset in the page.
%include "generated/vmx/constants.inc"

global low_page, low_gdt_base, low_cr3, low_entry, low_far, low_boot, low_real_mode, low_drive, low_partition, low_linux
extern disk_start, linux_start

; Where CPUs other than the first begin: a start-up IPI with vector VV starts them at VV00:0000, so this is the page's
; first code. SDM: 10.4.4.1
section .low16.start progbits alloc exec nowrite align=16
bits 16
low_page:
        cli
        mov ax, cs
        mov ds, ax
        lgdt [gdt_pointer]
        mov eax, CR4_PAE
        mov cr4, eax
        mov eax, [low_cr3]
        mov cr3, eax
        mov ecx, IA32_EFER
        rdmsr
        or eax, EFER_LME | EFER_NXE
        wrmsr
        mov eax, CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_ET
        mov cr0, eax
        jmp dword far [low_far]         ; SDM: 10.8.5

bits 64
long_mode:
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        jmp [rel low_entry]

align 8
gdt:    dq 0
        dq 0x00AF9B000000FFFF           ; code, 64-bit
        dq 0x00CF93000000FFFF           ; data
gdt_pointer:
        dw gdt_pointer - gdt - 1
low_gdt_base:
        dd gdt                          ; the page's address is added
low_cr3:
        dd 0
low_far:
        dd long_mode                    ; the page's address is added
        dw 0x08
align 8
low_entry:
        dq 0
low_drive:
        db 0x80
low_partition:
        db 0
low_linux:
        dw 0                            ; segment of a Linux kernel's setup code; 0: start the disk instead

; From 16-bit protected mode, where CS begins at this page, to the boot stub in real mode. BX: the page's segment.
; SDM: 10.9.2
bits 16
low_real_mode:
        mov eax, cr0
        and eax, ~CR0_PE
        mov cr0, eax
        xor ax, ax
        mov ss, ax
        mov sp, 0x7C00
        push bx
        push low_boot
        retf

; The boot stub, dom0's first code: starts the kernel that was loaded as a module, or reads the boot record and jumps to it
; as the BIOS would.
low_boot:
        xor ax, ax
        mov ss, ax
        mov sp, 0x7C00
        sti
        cld
        mov ax, [cs:low_linux]
        or ax, ax
        jnz linux_start
        jmp disk_start
