; The boot stub for a disk: reads the boot record of the chosen disk or partition to 0:7C00 and jumps there, in VMX non-root
; operation or, without a hypervisor, on the bare machine.
global disk_start
extern low_drive, low_partition

SECTOR          equ 0x7C00
TABLE_COPY      equ 0x7BE               ; where boot records copy the partition table by convention
TABLE           equ 0x1BE
SIGNATURE       equ 0xAA55
TRIES           equ 3

section .low16 progbits alloc exec nowrite align=16
bits 16
disk_start:
        mov ax, cs
        mov ds, ax
        xor ax, ax
        mov es, ax
        call check_lba
        call read_sector
        movzx ax, byte [low_partition]
        or ax, ax
        jz .jump
        call choose_partition
        call read_sector
.jump:  mov dl, [low_drive]
        mov si, [entry]
        xor ax, ax
        mov ds, ax
        jmp 0:SECTOR

; AX: number of a partition, 1 to 4, in the table of the boot record at SECTOR.
choose_partition:
        dec ax
        shl ax, 4
        add ax, TABLE_COPY
        mov [entry], ax
        mov si, SECTOR + TABLE
        mov di, TABLE_COPY
        mov cx, 4 * 16 / 2
        push ds
        push es
        pop ds
        rep movsw
        pop ds
        mov si, [entry]
        cmp byte [es:si + 4], 0         ; its type
        mov ax, text_partition
        je stop_with
        mov eax, [es:si + 8]
        mov [packet.lba], eax
        mov dh, [es:si + 1]
        mov cx, [es:si + 2]
        mov [head], dh
        mov [cylinder_sector], cx
        ret

; Does the BIOS have the extended read, which takes a block number?
check_lba:
        mov ah, 0x41
        mov bx, 0x55AA
        mov dl, [low_drive]
        int 0x13
        jc .done
        cmp bx, 0xAA55
        jne .done
        and cl, 1
        mov [lba], cl
.done:  ret

read_sector:
        mov bp, TRIES
.try:   call try_read
        jnc .read
        xor ax, ax
        mov dl, [low_drive]
        int 0x13
        dec bp
        jnz .try
        mov si, text_read
        jmp stop
.read:  cmp word [es:SECTOR + 510], SIGNATURE
        je .done
        mov si, text_signature
        jmp stop
.done:  ret

try_read:
        mov dl, [low_drive]
        cmp byte [lba], 0
        je .chs
        mov si, packet
        mov ah, 0x42
        int 0x13
        ret
.chs:   mov dh, [head]
        mov cx, [cylinder_sector]
        mov bx, SECTOR
        mov ax, 0x0201
        int 0x13
        ret

stop_with:
        mov si, ax
; SI: text. Prints it on the screen and COM1, and halts.
stop:   call serial_setup
.next:  lodsb
        or al, al
        jz .halt
        call serial_char
        mov ah, 0x0E
        mov bx, 7
        int 0x10
        jmp .next
.halt:  hlt
        jmp .halt

%include "boot/bios/serial.inc"

align 4
packet: dw 16, 1, SECTOR, 0
.lba:   dq 0
entry:  dw 0
cylinder_sector:
        dw 1
head:   db 0
lba:    db 0
text_read:
        db "luvalley: error[disk-read]: the boot record cannot be read", 13, 10, 0
text_partition:
        db "luvalley: error[partition]: the disk has no such partition", 13, 10, 0
text_signature:
        db "luvalley: error[mbr-signature]: the boot record does not end with 55 AA", 13, 10, 0
