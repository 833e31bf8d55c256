; INT 15h: the memory sizes that dom0 sees, without what is hidden. Everything else goes to the BIOS. No exits.
global int15, int15_old, int15_count, int15_table, int15_ax, int15_bx, int15_88

INT15_MAX       equ 96                  ; RANGES_MAX of start.h

SMAP            equ 0x534D4150
FLAGS           equ 6                   ; of the caller, from BP
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

; EBX: index, ECX: room, ES:DI: where to.
e820:   cmp edx, SMAP
        jne refuse
        cmp ecx, 20
        jb refuse
        cmp ebx, [cs:int15_count]
        jae refuse
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
        jmp accept

e881:   movzx eax, word [cs:int15_ax]
        movzx ebx, word [cs:int15_bx]
        mov ecx, eax
        mov edx, ebx
        jmp accept

e801:   mov ax, [cs:int15_ax]
        mov bx, [cs:int15_bx]
        mov cx, ax
        mov dx, bx
        jmp accept

ah88:   mov ax, [cs:int15_88]
accept: push bp
        mov bp, sp
        and byte [bp + FLAGS], ~CARRY
        pop bp
        iret

refuse: mov ah, 0x86
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
int15_table:    resb INT15_MAX * 20     ; base, length, type
