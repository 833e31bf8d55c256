; `pool=SIZE[,SIZE]`: memory for domUs, each a whole number of 2 MiB with K, M or G behind it.
bits 32
global pool_take
extern boot_pool_count, boot_pool_frames, option_stop

POOLS_MAX       equ 8                   ; domu/pool.h has it too

section .boot progbits alloc exec nowrite align=16
; ESI: behind `pool=`; moves behind the word.
pool_take:
        call size_take
        movzx ecx, byte [boot_pool_count]
        cmp ecx, POOLS_MAX
        jae pool_bad
        mov [boot_pool_frames + ecx * 4], eax
        inc byte [boot_pool_count]
        mov al, [esi]
        inc esi
        cmp al, ','
        je pool_take
        dec esi
        cmp al, ' '
        ja pool_bad
        ret

; EAX: the size in frames of 2 MiB.
size_take:
        call number_take
        mov dl, [esi]
        inc esi
        mov ebx, eax
        cmp dl, 'K'
        je .kib
        cmp dl, 'M'
        je .mib
        cmp dl, 'G'
        jne pool_bad
        shl eax, 9
        mov edx, eax
        shr edx, 9
        cmp edx, ebx
        jne pool_bad
        jmp .some
.kib:   test eax, (1 << 11) - 1
        jnz pool_bad
        shr eax, 11
        jmp .some
.mib:   shr eax, 1
        jc pool_bad
.some:  test eax, eax
        jz pool_bad
        ret

; EAX: decimal digits.
number_take:
        xor eax, eax
.next:  movzx edx, byte [esi]
        sub edx, '0'
        cmp edx, 9
        ja .done
        mov ecx, 10
        push edx
        mul ecx
        pop edx
        jc pool_bad
        add eax, edx
        jc pool_bad
        inc esi
        jmp .next
.done:  ret

pool_bad:
        mov esi, text_pool
        jmp option_stop

section .boot.names progbits alloc noexec nowrite
text_pool:      db "luvalley: error[command-line]: pool=SIZE[,SIZE] wants up to 8 sizes like 512M, 2G or 4096K, "
                db "each a multiple of 2 MiB", 10, 0
