; Long mode: entry points of all vectors, `attempt`, and ring 3.
%include "low.inc"
bits 64
section .text

extern trap, main, ap_main, bss_start, bss_end, ap_count, idt64_pointer

global start64
start64:
    lea rdi, [bss_start]
    lea rcx, [bss_end]
    sub rcx, rdi
    xor eax, eax
    rep stosb
    lea rsp, [guest_stack_top]
    call main
    hlt

; Each application processor has the stack of its APIC ID.
STACK_SIZE equ 8192
global ap_start64
ap_start64:
    mov eax, 1
    cpuid
    shr ebx, 24
    mov edi, ebx
    lock inc dword [ap_count]
    inc ebx
    imul eax, ebx, STACK_SIZE
    lea rsp, [ap_stacks]
    add rsp, rax
    lidt [idt64_pointer]
    call ap_main
    hlt

%macro save 0
    push rax
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
%endmacro

; 256 stubs of 16 bytes. The frame is struct frame in kit.h.
align 16
global stubs64
stubs64:
%assign vector 0
%rep 256
    align 16
  %if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    push 0
  %endif
    push vector
    jmp trap64
%assign vector vector + 1
%endrep
trap64:
    save
    cld
    mov rdi, rsp
    call trap
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rcx
    pop rax
    add rsp, 16
    iretq

; int attempt(void (*code)(void *), void *argument): returns the vector of the exception that ended it, or -1.
global attempt, abandon
attempt:
    pushfq
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push qword [recover]
    mov [recover], rsp
    mov rax, rdi
    mov rdi, rsi
    call rax
    mov eax, -1
recovered:
    pop qword [recover]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    popfq
    ret

; void abandon(int vector): called in a trap handler, ends the innermost attempt.
abandon:
    mov eax, edi
    mov ecx, DATA
    mov ss, ecx
    mov ds, ecx
    mov es, ecx
    mov rsp, [recover]
    jmp recovered

; void enter_user(code, argument, stack), enter_user32: ring 3; INT 80h ends it, as a trap.
global enter_user, enter_user32
enter_user:
    mov rax, USER_CODE64
    jmp enter
enter_user32:
    mov rax, USER_CODE32
enter:
    mov ecx, USER_DATA
    mov ds, ecx
    mov es, ecx
    push USER_DATA
    push rdx
    push 0x3002                     ; IOPL 3: ring 3 may use ports
    push rax
    push rdi
    mov rdi, rsi
    iretq

; The return address of the code in ring 3.
global user_exit
user_exit:
    int 0x80

section .bss
global recover
recover: resq 1
alignb 16
guest_stack: resb 65536
guest_stack_top:
global ap_stacks
ap_stacks: resb 16 * STACK_SIZE
