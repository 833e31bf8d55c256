; What the spec needs of this processor: everything that is missing is said at once. Runs on processors without
; long mode too.
%include "generated/constants.inc"
bits 32
global requirements_check, cpuid_exists
extern text_put, text_char

; One line of generated/requirements.inc:
;   requirement KIND, number, alternative, word, bit, expected, depends, "name"
; REQUIRE_CPUID: leaf, subleaf, word 0 to 3 is EAX, EBX, ECX, EDX. REQUIRE_MSR: the MSR, the TRUE one to ask instead
; where IA32_VMX_BASIC says so (or 0), word 0 or 1 is the low or high half. REQUIRE_LOCK: as MSR, but an unlocked
; register (bit 0 clear) will do. `depends`: index of an earlier line, or NOTHING.
REQUIRE_CPUID   equ 0
REQUIRE_MSR     equ 1
REQUIRE_LOCK    equ 2
NOTHING         equ 0xFFFF

%macro requirement 8
        [section .boot.names progbits alloc noexec nowrite]
%%name: db %8, 0
        __SECT__
        dd %2, %3, %%name
        dw %7
        db %1, %4, %5, %6
        dw 0
%endmacro

struc need
.number:        resd 1
.alternative:   resd 1
.name:          resd 1
.depends:       resw 1
.kind:          resb 1
.word:          resb 1
.bit:           resb 1
.expected:      resb 1
                resw 1
endstruc

BASIC_TRUE      equ 1 << (55 - 32)      ; SDM: A.1

section .boot.data progbits alloc noexec write align=8
align 4
needs:
%include "generated/requirements.inc"
needs_end:
NEEDS           equ (needs_end - needs) / need_size

section .boot progbits alloc exec nowrite align=16
; EAX: how many are missing.
requirements_check:
        call cpuid_exists
        jz .no_cpuid
        mov ebx, needs
        xor edi, edi                    ; index
        xor ebp, ebp                    ; missing
.next:  call need_met
        mov [failed + edi], al
        test al, al
        jz .met
        call missing_name
.met:   add ebx, need_size
        inc edi
        cmp edi, NEEDS
        jb .next
        test ebp, ebp
        jz .done
        mov esi, text_end
        call text_put
.done:  mov eax, ebp
        ret
.no_cpuid:
        mov esi, text_no_cpuid
        call text_put
        mov eax, 1
        ret

; EBX: the line that is not met; EBP counts.
missing_name:
        mov esi, text_first
        test ebp, ebp
        jz .first
        mov esi, text_more
.first: call text_put
        mov esi, [ebx + need.name]
        call text_put
        inc ebp
        ret

; ZF clear if EFLAGS.ID can be changed. SDM: 3.4.3.3
cpuid_exists:
        pushfd
        mov eax, [esp]
        xor dword [esp], 1 << 21
        popfd
        pushfd
        pop ecx
        xor eax, ecx
        test eax, 1 << 21
        ret

; EBX: line. AL: 0 if met, 1 if not.
need_met:
        movzx eax, word [ebx + need.depends]
        cmp eax, NOTHING
        je .look
        cmp byte [failed + eax], 0
        je .look
        mov al, [ebx + need.expected]   ; what is not there at all is off
        ret
.look:  call need_word
        jc .met
        movzx ecx, byte [ebx + need.bit]
        bt eax, ecx
        setc al
        cmp al, [ebx + need.expected]
        jne .bad
.met:   mov al, 0
        ret
.bad:   mov al, 1
        ret

; EAX: the word the line speaks of; CF: no need to look at it.
need_word:
        cmp byte [ebx + need.kind], REQUIRE_CPUID
        je cpuid_word
        mov ecx, [ebx + need.alternative]
        jecxz .plain
        mov ecx, IA32_VMX_BASIC
        rdmsr
        test edx, BASIC_TRUE
        mov ecx, [ebx + need.alternative]
        jnz .read
.plain: mov ecx, [ebx + need.number]
.read:  rdmsr
        cmp byte [ebx + need.kind], REQUIRE_LOCK
        jne .half
        test al, 1
        jz .open
.half:  cmp byte [ebx + need.word], 0
        je .low
        mov eax, edx
.low:   clc
        ret
.open:  stc
        ret

; A leaf beyond the last one has no features. SDM: 3.3, CPUID
cpuid_word:
        push ebx
        mov eax, [ebx + need.number]
        and eax, 0x80000000
        cpuid
        mov edx, [esp]
        cmp eax, [edx + need.number]
        jb .none
        mov eax, [edx + need.number]
        mov ecx, [edx + need.alternative]
        cpuid
        push edx
        push ecx
        push ebx
        push eax
        mov eax, [esp + 16]
        movzx eax, byte [eax + need.word]
        mov eax, [esp + eax * 4]
        add esp, 16
        pop ebx
        clc
        ret
.none:  pop ebx
        xor eax, eax
        ret

section .boot.names
text_first:     db "luvalley: error[requirements]: this processor lacks: ", 0
text_more:      db ", ", 0
text_end:       db 10, "luvalley: starting the disk without a hypervisor", 10, 0
text_no_cpuid:  db "luvalley: error[requirements]: this processor lacks: cpuid", 10
                db "luvalley: starting the disk without a hypervisor", 10, 0

section .boot.bss nobits alloc noexec write
failed:         resb NEEDS
