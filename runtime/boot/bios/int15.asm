; The handler of INT 15h in dom0: answers questions for memory sizes and the memory map, in which hidden memory is reserved,
; and jumps to the BIOS for everything else. It causes no VM exits.
global int15, int15_old, int15_count, int15_table, int15_ax, int15_bx, int15_88

RANGES_MAX       equ 96                  ; start.h has it too

SMAP            equ 0x534D4150
FLAGS           equ 6                   ; offset from BP: the caller's FLAGS
CARRY           equ 1

section .low16 progbits alloc exec nowrite align=16
bits 16
int15:  cmp ax, 0xE820
        je e820
        cmp ax, 0xE801
        je e801
        cmp ax, 0xE881
        je e881
        cmp ah, 0x88
        je ah88
        jmp far [cs:int15_old]

; EBX: index of a range, ECX: size of the buffer at ES:DI. ACPI: 15.1
e820:   cmp edx, SMAP
        jne return_failure
        cmp ecx, 20
        jb return_failure
        cmp ebx, [cs:int15_count]
        jae return_failure
        push ds
        push si
        push di
        push cs
        pop ds
        imul si, bx, 20
        add si, int15_table
        push cx
        mov cx, 10
        cld
        rep movsw
        pop cx
        cmp ecx, 24
        mov ecx, 20
        jb .next
        mov dword [es:di], 1            ; extended attributes: valid. ACPI: 15.1
        mov ecx, 24
.next:  inc ebx
        cmp ebx, [int15_count]
        jb .more
        xor ebx, ebx
.more:  pop di
        pop si
        pop ds
        mov eax, SMAP
        jmp return_success

e881:   movzx eax, word [cs:int15_ax]
        movzx ebx, word [cs:int15_bx]
        mov ecx, eax
        mov edx, ebx
        jmp return_success

e801:   mov ax, [cs:int15_ax]
        mov bx, [cs:int15_bx]
        mov cx, ax
        mov dx, bx
        jmp return_success

ah88:   mov ax, [cs:int15_88]
return_success:
        push bp
        mov bp, sp
        and byte [bp + FLAGS], ~CARRY
        pop bp
        iret

return_failure:
        mov ah, 0x86                    ; function not supported
        push bp
        mov bp, sp
        or byte [bp + FLAGS], CARRY
        pop bp
        iret

align 4
int15_old:      dd 0
int15_count:    dd 0
int15_ax:       dw 0                    ; KiB from 1 to 16 MiB
int15_bx:       dw 0                    ; 64 KiB blocks above 16 MiB
int15_88:       dw 0                    ; KiB above 1 MiB

section .low16.table nobits alloc noexec write align=4
int15_table:    resb RANGES_MAX * 20     ; base, length, type
