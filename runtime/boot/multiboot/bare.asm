; The last step of a start without a hypervisor: from 32-bit protected mode to the low page in real mode. SDM: 10.9.2
bits 32
global bare_switch
extern low_real_mode

section .boot progbits alloc exec nowrite align=16
; void bare_switch(u32 page): a 16-bit code segment begins at the page, where low_real_mode clears CR0.PE.
bare_switch:
        mov ebx, [esp + 4]
        mov eax, ebx
        mov [gdt16.code + 2], ax
        shr eax, 16
        mov [gdt16.code + 4], al
        shr ebx, 4                      ; BX: the page's real-mode segment
        lidt [idt16_pointer]
        lgdt [gdt16_pointer]
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov fs, eax
        mov gs, eax
        mov ss, eax
        jmp 0x08:low_real_mode

section .boot.data progbits alloc noexec write align=8
align 8
gdt16:  dq 0
.code:  dq 0x00009B000000FFFF           ; 16-bit code, its base is filled in. SDM: 3.4.5
        dq 0x000093000000FFFF           ; 16-bit data
gdt16_pointer:
        dw gdt16_pointer - gdt16 - 1
        dd gdt16
idt16_pointer:
        dw 0x3FF                        ; the real-mode interrupt vectors. SDM: 21.1.4
        dd 0
