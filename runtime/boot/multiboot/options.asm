; The command line: `disk=hdN[,P]`, `pool=SIZE[,SIZE]`, `apic=watch`, `log=serial`. An option we do not know stops the machine: a typing
; mistake must not boot the wrong disk.
bits 32
global options_read, option_stop, halt32, boot_request, boot_magic, boot_info, boot_drive, boot_partition
global boot_pool_count, boot_pool_frames
extern text_put, text_char, pool_take

MB1_LOADER      equ 0x2BADB002
MB2_LOADER      equ 0x36D76289
MB1_HAS_LINE    equ 1 << 2
MB1_LINE        equ 16                  ; offset in the Multiboot 1 information
MB2_TAG_LINE    equ 1

section .boot progbits alloc exec nowrite align=16
options_read:
        call line_find
        test esi, esi
        jz .done
        call spaces_skip
        cmp byte [esi], '/'             ; old loaders put the file's name first
        je .path
        cmp byte [esi], '('
        jne .next
.path:  call word_skip
.next:  call spaces_skip
        cmp byte [esi], 0
        je .done
        call option_take
        jmp .next
.done:  ret

; ESI: the command line, or 0.
line_find:
        xor esi, esi
        mov ebx, [boot_info]
        cmp dword [boot_magic], MB2_LOADER
        je .mb2
        cmp dword [boot_magic], MB1_LOADER
        jne loader_unknown
        test dword [ebx], MB1_HAS_LINE
        jz .done
        mov esi, [ebx + MB1_LINE]
.done:  ret
.mb2:   add ebx, 8
.tag:   mov eax, [ebx]
        test eax, eax
        jz .done
        lea esi, [ebx + 8]
        cmp eax, MB2_TAG_LINE
        je .done
        xor esi, esi
        mov eax, [ebx + 4]
        lea ebx, [ebx + eax + 7]
        and ebx, ~7                     ; tags are 8-aligned. Multiboot 2: 3.6.2
        jmp .tag

loader_unknown:
        mov esi, text_loader
        call text_put
halt32: cli
        hlt
        jmp halt32

spaces_skip:
        cmp byte [esi], ' '
        jne .done
        inc esi
        jmp spaces_skip
.done:  ret

word_skip:
        cmp byte [esi], ' '
        jbe .done
        inc esi
        jmp word_skip
.done:  ret

; ESI: at a word; moves behind it.
option_take:
        mov edi, name_disk
        call prefix_take
        je disk_take
        mov edi, name_pool
        call prefix_take
        je pool_take
        mov edi, name_watch
        call word_take
        je .watch
        mov edi, name_serial
        call word_take
        jne option_unknown
        mov byte [option_log_serial], 1
        ret
.watch: mov byte [option_apic_watch], 1
        ret

; ZF if the text at ESI begins with the one at EDI; ESI moves behind it then.
prefix_take:
        push esi
.next:  mov al, [edi]
        test al, al
        jz .same
        cmp al, [esi]
        jne .differs
        inc esi
        inc edi
        jmp .next
.same:  pop edi
        ret
.differs:
        pop esi
        ret

; As prefix_take, and the word ends there.
word_take:
        push esi
        call prefix_take
        jne .differs
        cmp byte [esi], ' '
        ja .differs
        pop edi
        cmp al, al
        ret
.differs:
        pop esi
        or al, 1
        ret

; `N` or `N,P`: N of 0 to 9, P of 1 to 4.
disk_take:
        mov al, [esi]
        inc esi
        sub al, '0'
        cmp al, 9
        ja disk_bad
        add al, 0x80                    ; the BIOS's number
        mov [boot_drive], al
        cmp byte [esi], ','
        jne .end
        mov al, [esi + 1]
        add esi, 2
        sub al, '1'
        cmp al, 3
        ja disk_bad
        inc al
        mov [boot_partition], al
.end:   cmp byte [esi], ' '
        ja disk_bad
        ret

disk_bad:
        mov esi, text_disk
        jmp option_stop

option_unknown:
        push esi
        mov esi, text_unknown
        call text_put
        pop esi
.next:  lodsb
        cmp al, ' '
        jbe .end
        call text_char
        jmp .next
.end:   mov esi, text_known
option_stop:
        call text_put
        jmp halt32

section .boot.data progbits alloc noexec write align=8
; struct boot_request of boot.h.
boot_request:
boot_magic:             dd 0
boot_info:              dd 0
boot_drive:             db 0x80
boot_partition:         db 0            ; 0: the disk's own boot record
option_apic_watch:      db 0
option_log_serial:      db 0
boot_pool_count:        dd 0
boot_pool_frames:       times 8 dd 0    ; option_pool.asm

section .boot.names progbits alloc noexec nowrite
name_disk:      db "disk=hd", 0
name_pool:      db "pool=", 0
name_watch:     db "apic=watch", 0
name_serial:    db "log=serial", 0
text_loader:    db "luvalley: error[loader]: not started by a Multiboot loader", 10, 0
text_unknown:   db "luvalley: error[command-line]: unknown option ", 0
text_known:     db 10, "luvalley: known are disk=hdN[,P], pool=SIZE[,SIZE], apic=watch, log=serial", 10, 0
text_disk:      db "luvalley: error[command-line]: disk=hdN[,P] wants N of 0 to 9 and P of 1 to 4", 10, 0
