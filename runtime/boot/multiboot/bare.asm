; Starting the disk without a hypervisor, and noticing when we have been here before.
%include "generated/constants.inc"
bits 32
global bare_start, running_check
extern text_put, cpuid_exists, halt32, boot_drive, boot_partition
extern low_load, low_size, low_boot, low_leave, low_drive, low_partition

BDA_MEMORY      equ 0x413               ; KiB of conventional memory
BDA_MARKER      equ 0x4F0               ; the intra-application area: 16 bytes that programs may use
MARKER          equ "LUVB"

section .boot progbits alloc exec nowrite align=16
; A hypervisor of ours below us, or a bare start whose disk led back to this image: nesting or looping helps nobody.
running_check:
        call cpuid_exists
        jz .marker
        mov eax, 0x40000000
        xor ecx, ecx
        cpuid
        cmp ebx, "Luva"
        jne .marker
        cmp ecx, "lley"
        jne .marker
        cmp edx, "Dom0"
        mov esi, text_running
        je stop32
.marker:
        cmp dword [BDA_MARKER], MARKER
        jne .done
        mov dword [BDA_MARKER], 0
        call tsc_read
        sub eax, [BDA_MARKER + 4]       ; a counter that went backwards was reset, and the marker is stale
        sbb edx, [BDA_MARKER + 8]
        mov esi, text_loop
        jnc stop32
.done:  ret

stop32: call text_put
        jmp halt32

; EDX:EAX, or 0 where there is no such counter.
tsc_read:
        call cpuid_exists
        jz .none
        rdtsc
        ret
.none:  xor eax, eax
        xor edx, edx
        ret

; The low page goes to the top of conventional memory, unannounced: nothing stays in it. SDM: 10.9.2
bare_start:
        call tsc_read
        mov dword [BDA_MARKER], MARKER
        mov [BDA_MARKER + 4], eax
        mov [BDA_MARKER + 8], edx
        movzx ebx, word [BDA_MEMORY]
        shl ebx, 10
        sub ebx, 4096
        and ebx, ~4095
        mov esi, low_load
        mov edi, ebx
        mov ecx, low_size
        rep movsb
        mov al, [boot_drive]
        mov [ebx + low_drive], al
        mov al, [boot_partition]
        mov [ebx + low_partition], al
        mov [gdt16.code + 2], bx
        mov eax, ebx
        shr eax, 16
        mov [gdt16.code + 4], al
        shr ebx, 4                      ; BX: its segment
        lidt [idt16]
        lgdt [gdt16_pointer]
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov fs, eax
        mov gs, eax
        mov ss, eax
        jmp 0x08:low_leave

section .boot.data progbits alloc noexec write align=8
align 8
gdt16:  dq 0
.code:  dq 0x00009B000000FFFF           ; 16-bit code, base filled in. SDM: 3.4.5
        dq 0x000093000000FFFF           ; 16-bit data
gdt16_pointer:
        dw gdt16_pointer - gdt16 - 1
        dd gdt16
idt16:  dw 0x3FF                        ; the real-mode vectors. SDM: 21.1.4
        dd 0

section .boot.names progbits alloc noexec nowrite
text_running:   db "luvalley: error[already-running]: this is dom0 already; the disk led back to Luvalley's own entry", 10, 0
text_loop:      db "luvalley: error[boot-loop]: the disk led back to Luvalley, which cannot run on this processor", 10, 0
