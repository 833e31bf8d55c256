; The entry point: 32-bit protected mode, no paging, interrupts off (Multiboot 1, 3.2; Multiboot 2, 3.3). The code in
; `.boot` runs at the address where it was loaded; its memory becomes dom0's afterwards.
%include "generated/vmx/constants.inc"

extern start32, handoff, multiboot_boot, boot_stack_top, image_start, image_pages

MB1_MAGIC       equ 0x1BADB002
MB1_MEMORY      equ 1 << 1              ; the loader shall pass a memory map
MB2_MAGIC       equ 0xE85250D6
HV_PDPT_INDEX   equ 510                 ; bits 38:30 of HV_VA

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
global multiboot_entry
multiboot_entry:
        cli
        cld
        mov esp, boot32_stack_top
        push ebx                        ; the loader's information
        push eax                        ; and its magic number
        call start32
        call make_page_tables
        jmp switch_to_long_mode

; The first 4 GiB are mapped to themselves, HV_VA to where the image was loaded. SDM: 4.5
make_page_tables:
        mov eax, pdpt_low + PAGE_ENTRY_PRESENT + PAGE_ENTRY_WRITE
        mov [pml4], eax
        mov eax, pdpt_high + PAGE_ENTRY_PRESENT + PAGE_ENTRY_WRITE
        mov [pml4 + 511 * 8], eax
        mov eax, pd_high + PAGE_ENTRY_PRESENT + PAGE_ENTRY_WRITE
        mov [pdpt_high + HV_PDPT_INDEX * 8], eax
        mov eax, pt_high + PAGE_ENTRY_PRESENT + PAGE_ENTRY_WRITE
        mov [pd_high], eax
        mov edi, pdpt_low
        mov eax, pd_low + PAGE_ENTRY_PRESENT + PAGE_ENTRY_WRITE
        mov ecx, 4
        mov edx, 4096
        call fill_table
        mov edi, pd_low
        mov eax, PAGE_ENTRY_PRESENT + PAGE_ENTRY_WRITE + PAGE_ENTRY_PAGE_SIZE
        mov ecx, 4 * 512
        mov edx, 2 << 20
        call fill_table
        mov edi, pt_high
        mov eax, image_start + PAGE_ENTRY_PRESENT + PAGE_ENTRY_WRITE
        mov ecx, image_pages
        mov edx, 4096
; Writes ECX entries at EDI: EAX, EAX + EDX, ...
fill_table:
        mov [edi], eax
        mov dword [edi + 4], 0
        add edi, 8
        add eax, edx
        loop fill_table
        ret

; SDM: 10.8.5
switch_to_long_mode:
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
        mov edi, handoff
        mov rax, multiboot_boot
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
boot32_stack: resb 4096
boot32_stack_top:
