; Switches between real mode and long mode. `real_run` and `flat32_run` call a 16-bit or 32-bit function with the registers of
; struct probe, and store in it how the function ended: it returned, or an exception with what that pushed.
%include "low.inc"

section .low.entry
bits 16
global low_entry
low_entry:
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, REAL_STACK
    call make_tables
    mov dword [after_long], start64
    jmp go_long

section .low
; Identity mapping of 4 GiB by 2 MiB pages, user accessible.
make_tables:
    mov ax, PAGE_TABLES >> 4
    mov es, ax
    xor di, di
    xor eax, eax
    mov cx, 6 * 1024
    rep stosd
    mov dword [es:0], PAGE_TABLES + 0x1000 + 7
    mov di, 0x1000
    mov eax, PAGE_TABLES + 0x2000 + 7
    mov cx, 4
.directory:
    mov [es:di], eax
    add eax, 0x1000
    add di, 8
    loop .directory
    mov di, 0x2000
    mov eax, 0x87
    mov cx, 4 * 512
.page:
    mov [es:di], eax
    add eax, 0x200000
    add di, 8
    loop .page
    ret

; From real mode to the address in after_long, with flat segments. EBX, ESI, EDI and EBP are preserved.
global go_long
go_long:
    lgdt [gdt_pointer]
    mov eax, cr0
    or eax, CR0_PE
    mov cr0, eax
    jmp dword CODE32:go_long32
bits 32
go_long32:
    mov ax, DATA
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov fs, ax
    mov gs, ax
    mov eax, cr4
    or eax, CR4_PAE
    mov cr4, eax
    mov eax, PAGE_TABLES
    mov cr3, eax
    mov ecx, IA32_EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    jmp CODE64:go_long64
bits 64
go_long64:
    mov eax, [after_long]
    jmp rax

; void real_run(u32 function) and void flat32_run(u32 function), System V. Only the function itself enables interrupts.
global real_run, flat32_run
real_run:
    mov dword [destination], real16
    jmp leave_long
flat32_run:
    mov dword [destination], flat32
leave_long:
    pushfq
    cli
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [saved_rsp], rsp
    mov [function], edi
    mov dword [PROBE_VECTOR], NO_TRAP
    mov dword [after_long], back_in_long
    lea rax, [leave32]
    push CODE32
    push rax
    retfq
bits 32
leave32:
    mov ax, DATA
    mov ss, ax
    mov esp, STACK32
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax
    mov ecx, IA32_EFER
    rdmsr
    and eax, ~EFER_LME
    wrmsr
    jmp dword [destination]

bits 64
back_in_long:
    mov rsp, [saved_rsp]
    lidt [idt64_pointer]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    popfq
    ret

; --- Protected mode, 32 bit, no paging ---
bits 32
flat32:
    lidt [idt32_pointer]
    mov [stack_before], esp
    call load_and_call32
    call store32
    pushfd
    pop dword [PROBE_FLAGS]
end32:
    cli
    jmp go_long32

load_and_call32:
    mov eax, [PROBE_EAX]
    mov ebx, [PROBE_EBX]
    mov ecx, [PROBE_ECX]
    mov edx, [PROBE_EDX]
    mov esi, [PROBE_ESI]
    mov edi, [PROBE_EDI]
    jmp dword [function]

store32:
    mov [PROBE_EAX], eax
    mov [PROBE_EBX], ebx
    mov [PROBE_ECX], ecx
    mov [PROBE_EDX], edx
    mov [PROBE_ESI], esi
    mov [PROBE_EDI], edi
    ret

; 32 stubs of 16 bytes; each pushes its vector after what the processor pushed.
align 16
global stubs32
stubs32:
%assign vector 0
%rep 32
    align 16
    push dword vector
    jmp trap32
%assign vector vector + 1
%endrep
trap32:
    call store32
    pop dword [PROBE_VECTOR]
    mov eax, [stack_before]
    sub eax, 4                      ; load_and_call32's return address
    sub eax, esp
    mov [PROBE_PUSHED], eax
    cmp eax, 12
    je .no_error
    pop dword [PROBE_ERROR]
.no_error:
    mov eax, [esp]
    sub eax, [function]
    mov [PROBE_IP], eax
    mov eax, [esp + 8]
    mov [PROBE_FLAGS], eax
    mov esp, [stack_before]
    jmp end32

; --- Real mode ---
real16:
    jmp CODE16:.protected16
bits 16
.protected16:
    mov ax, DATA16
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov fs, ax
    mov gs, ax
    mov eax, cr0
    and eax, ~CR0_PE
    mov cr0, eax
    jmp 0:.real
.real:
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov fs, ax
    mov gs, ax
    mov sp, REAL_STACK
    lidt [ivt_pointer]
    mov [stack_before], sp
    call load_and_call16
    call store16
    pushf
    pop word [PROBE_FLAGS]
    jmp end16

load_and_call16:
    mov es, [PROBE_ES]
    mov eax, [PROBE_EAX]
    mov ebx, [PROBE_EBX]
    mov ecx, [PROBE_ECX]
    mov edx, [PROBE_EDX]
    mov esi, [PROBE_ESI]
    mov edi, [PROBE_EDI]
    jmp word [function]

store16:
    push word 0
    pop ds
    mov [PROBE_EAX], eax
    mov [PROBE_EBX], ebx
    mov [PROBE_ECX], ecx
    mov [PROBE_EDX], edx
    mov [PROBE_ESI], esi
    mov [PROBE_EDI], edi
    mov [PROBE_ES], es
    ret

end16:
    cli
    cld
    jmp go_long

; As stubs32. The caller of real_run hooks the vectors of exceptions for as long as it needs them.
align 8
global stubs16
stubs16:
%assign vector 0
%rep 32
    align 8
    push word vector
    jmp near trap16
%assign vector vector + 1
%endrep
trap16:
    call store16
    pop ax
    movzx eax, ax
    mov [PROBE_VECTOR], eax
    mov ax, [stack_before]
    sub ax, 2
    sub ax, sp
    movzx eax, ax
    mov [PROBE_PUSHED], eax
    mov bp, sp
    mov ax, [bp]
    sub ax, [function]
    movzx eax, ax
    mov [PROBE_IP], eax
    mov ax, [bp + 4]
    movzx eax, ax
    mov [PROBE_FLAGS], eax
    mov sp, [stack_before]
    jmp end16

; --- Application processors start here: the page that the start-up IPI names has a far jump to it ---
bits 16
global ap_entry
ap_entry:
    mov [cs:ap_arrival.eax], eax    ; registers after INIT, checked by cases
    mov [cs:ap_arrival.edx], edx
    mov eax, cr0
    mov [cs:ap_arrival.cr0], eax
    mov eax, cr4
    mov [cs:ap_arrival.cr4], eax
    mov [cs:ap_arrival.ebx], ebx
    mov [cs:ap_arrival.sp], sp
    mov [cs:ap_arrival.ds], ds
    mov [cs:ap_arrival.ss], ss
    cli
    cld
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, AP_STACK
    pushf
    pop word [ap_arrival.flags]
    lgdt [gdt_pointer]
    mov eax, cr0
    or eax, CR0_PE
    and eax, ~0x60000000            ; caches on
    mov cr0, eax
    jmp dword CODE32:.protected
bits 32
.protected:
    mov ax, DATA
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, cr4
    or eax, CR4_PAE
    mov cr4, eax
    mov eax, PAGE_TABLES
    mov cr3, eax
    mov ecx, IA32_EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    jmp CODE64:ap_start64

bits 64
extern start64, ap_start64
global idt64_pointer, idt32_pointer, gdt, after_long
align 8
gdt:
    dq 0
    dq 0x00AF9B000000FFFF           ; CODE64
    dq 0x00CF93000000FFFF           ; DATA
    dq 0x00CF9B000000FFFF           ; CODE32
    dq 0x00009B000000FFFF           ; CODE16
    dq 0x000093000000FFFF           ; DATA16
    dq 0x00CFFB000000FFFF           ; USER_CODE32
    dq 0x00CFF3000000FFFF           ; USER_DATA
    dq 0x00AFFB000000FFFF           ; USER_CODE64
    dq 0x00CF9B000000FFFF           ; WRAP32
    dq 0, 0                         ; TSS
gdt_pointer:
    dw $ - gdt - 1
    dd gdt
    dd 0
ivt_pointer:
    dw 0x3FF
    dd 0
idt64_pointer:
    dw 0
    dq 0
idt32_pointer:
    dw 0
    dd 0
global ap_arrival
align 4
ap_arrival:
.eax: dd 0
.ebx: dd 0
.edx: dd 0
.cr0: dd 0
.cr4: dd 0
.sp: dw 0
.ds: dw 0
.ss: dw 0
.flags: dw 0
align 8
after_long:   dd 0
function:     dd 0
destination:  dd 0
stack_before: dd 0
saved_rsp:    dq 0
