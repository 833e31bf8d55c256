; Where the loader jumps to: 32-bit protected mode, no paging, interrupts off (Multiboot 1, 3.2; Multiboot 2, 3.3).
; Everything in `.boot` runs at the address it was loaded at and is given to dom0 afterwards.
%include "generated/constants.inc"

extern boot_magic, boot_info, boot_request, options_read, running_check, requirements_check, bare_start
extern boot, boot_stack_top, image_start, image_pages

MB1_MAGIC       equ 0x1BADB002
MB1_MEMORY      equ 1 << 1              ; the memory map, please
MB2_MAGIC       equ 0xE85250D6
HV_PDPT_INDEX   equ 510                 ; bits 38:30 of HV_VA

PTE_PRESENT     equ 1 << 0
PTE_WRITE       equ 1 << 1
PTE_LARGE       equ 1 << 7

bits 32
section .boot.headers progbits alloc noexec nowrite align=8
align 8
mb1_header:
        dd MB1_MAGIC, MB1_MEMORY, -(MB1_MAGIC + MB1_MEMORY)
align 8
mb2_header:
        dd MB2_MAGIC, 0, mb2_end - mb2_header, -(MB2_MAGIC + mb2_end - mb2_header)
        dw 0, 0
        dd 8
mb2_end:

section .boot progbits alloc exec nowrite align=16
global start
start:
        cli
        cld
        mov esp, boot32_stack_top
        mov [boot_magic], eax
        mov [boot_info], ebx
        call options_read
        call running_check
        call requirements_check
        test eax, eax
        jnz bare_start
        call tables_make
        jmp long_mode_enter

; Identity for the first 4 GiB, and HV_VA to where the image was loaded. SDM: 4.5
tables_make:
        mov eax, pdpt_low + PTE_PRESENT + PTE_WRITE
        mov [pml4], eax
        mov eax, pdpt_high + PTE_PRESENT + PTE_WRITE
        mov [pml4 + 511 * 8], eax
        mov eax, pd_high + PTE_PRESENT + PTE_WRITE
        mov [pdpt_high + HV_PDPT_INDEX * 8], eax
        mov eax, pt_high + PTE_PRESENT + PTE_WRITE
        mov [pd_high], eax
        mov edi, pdpt_low
        mov eax, pd_low + PTE_PRESENT + PTE_WRITE
        mov ecx, 4
        mov edx, 4096
        call table_fill
        mov edi, pd_low
        mov eax, PTE_PRESENT + PTE_WRITE + PTE_LARGE
        mov ecx, 4 * 512
        mov edx, 2 << 20
        call table_fill
        mov edi, pt_high
        mov eax, image_start + PTE_PRESENT + PTE_WRITE
        mov ecx, image_pages
        mov edx, 4096
; ECX entries from EDI on: EAX, EAX + EDX, ...
table_fill:
        mov [edi], eax
        mov dword [edi + 4], 0
        add edi, 8
        add eax, edx
        loop table_fill
        ret

; SDM: 10.8.5
long_mode_enter:
        mov eax, cr4
        or eax, CR4_PAE
        mov cr4, eax
        mov eax, pml4
        mov cr3, eax
        mov ecx, IA32_EFER
        rdmsr
        or eax, EFER_LME | EFER_NXE
        wrmsr
        mov eax, cr0
        or eax, CR0_PG | CR0_WP
        mov cr0, eax
        lgdt [gdt_pointer]
        jmp 0x08:long_mode

bits 64
long_mode:
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        xor eax, eax
        mov fs, eax
        mov gs, eax
        mov rsp, boot_stack_top
        mov edi, boot_request
        mov rax, boot
        call rax                        ; never returns

section .boot.data progbits alloc noexec write align=8
align 8
gdt:    dq 0
        dq 0x00AF9B000000FFFF           ; code, 64-bit. SDM: 3.4.5
        dq 0x00CF93000000FFFF           ; data
gdt_pointer:
        dw gdt_pointer - gdt - 1
        dd gdt

section .boot.bss nobits alloc noexec write align=4096
alignb 4096
pml4:      resb 4096
pdpt_low:  resb 4096
pdpt_high: resb 4096
pd_high:   resb 4096
pt_high:   resb 4096
pd_low:    resb 4 * 4096
boot32_stack: resb 2048
boot32_stack_top:
