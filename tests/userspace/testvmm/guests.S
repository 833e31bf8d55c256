/* The code of the guests. Each is loaded at 0x1000; the word after its name is its processor mode. */
	.intel_syntax noprefix
	.section .rodata
	.macro guest name, bits
	.code\bits
	.globl guest_\name, guest_\name\()_end
guest_\name:
	.endm
	.macro end name
guest_\name\()_end:
	.endm

	guest out, 16
	mov dx, 0x80
	mov al, 0x5A
	out dx, al
	mov eax, 0x12345678
	out 0x70, eax
	hlt
	end out

	guest in, 16
	mov dx, 0x3F8
	mov eax, -1
	in al, dx
	out 0x80, eax
	in ax, dx
	out 0x80, eax
	in eax, dx
	out 0x80, eax
	end in

	guest string_io, 64
	cld
	rep outsb
	add esi, 7
	.byte 0x26, 0x67
	insd
	end string_io

	guest mmio, 64
	mov [rbx + 8], eax
	mov ecx, [rbx + 0x10]
	hlt
	end mmio

	/* Reads and writes a word of each page from RBX to RCX. */
	guest touch, 64
1:	inc qword ptr [rbx]
	add rbx, 4096
	cmp rbx, rcx
	jb 1b
	hlt
	end touch

	guest cpuid, 64
	cpuid
	hlt
	end cpuid

	guest msrs, 64
	rdmsr
	inc eax
	wrmsr
	hlt
	end msrs

	guest xsetbv, 64
	xsetbv
	hlt
	end xsetbv

	guest xgetbv, 64
	xgetbv
	hlt
	end xgetbv

	guest vmcall, 64
	vmcall
	hlt
	end vmcall

	guest breakpoint, 64
	int3
	hlt
	end breakpoint

	guest invpcid, 64
	invpcid rax, [rbx]
	hlt
	end invpcid

	guest rdtscp, 64
	rdtscp
	hlt
	end rdtscp

	guest xsaves, 64
	xsaves [rbx]
	hlt
	end xsaves

	guest invalid, 64
	ud2
	end invalid

	guest task_switch, 32
	ljmp 0x40, 0
	end task_switch

	guest memory16, 16
	mov [0x9000], eax
	mov ebx, [0x9000]
	hlt
	end memory16

	guest memory32, 32
	mov [0x9000], eax
	mov ebx, [0x9000]
	hlt
	end memory32

	guest memory64, 64
	mov [0x9000], rax
	mov rbx, [0x9000]
	hlt
	end memory64

	guest registers, 64
	inc rax
	add rbx, 2
	add rcx, 3
	add rdx, 4
	add rsi, 5
	add rdi, 6
	add rbp, 7
	add rsp, 8
	add r8, 9
	add r9, 10
	add r10, 11
	add r11, 12
	add r12, 13
	add r13, 14
	add r14, 15
	add r15, 16
	stc
	hlt
	end registers

	guest state, 64
	mov rax, cr2
	mov rbx, dr0
	mov rcx, dr1
	mov rdx, dr2
	mov rsi, dr3
	mov rdi, dr6
	mov r8, dr7
	movq r9, xmm3
	mov r10, cr8
	hlt
	mov cr2, rax
	mov dr0, rbx
	mov dr1, rcx
	mov dr2, rdx
	mov dr3, rsi
	mov dr6, rdi
	mov dr7, r8
	movq xmm3, r9
	mov cr8, r10
	hlt
	end state

	guest tsc, 64
	rdtsc
	hlt
	rdtscp
	hlt
	end tsc

	guest spin, 64
1:	inc rax
	jmp 1b
	end spin

	guest count, 64
1:	inc qword ptr [rbx]
	jmp 1b
	end count

	guest window, 64
	cli
	out 0x80, al
	sti
	nop
	nop
	nop
	hlt
	out 0x81, al
	end window

	guest tpr, 64
	mov rbx, cr8
	mov eax, 2
	mov cr8, rax
	mov rcx, cr8
	hlt
	end tpr

	guest shadows, 64
	cli
	sti
	out 0x80, al
	hlt
	mov eax, ss
	mov ss, eax
	out 0x81, al
	hlt
	end shadows

	guest halt, 64
	hlt
	out 0x80, al
	end halt

	guest alignment_loop, 32
	mov dword ptr [esp - 9], 0
	hlt
	end alignment_loop

	guest debug_loop, 64
	mov [rbx], rax
	nop
	hlt
	end debug_loop

	guest write_cr0, 64
	mov cr0, rax
	hlt
	end write_cr0

	guest write_cr3, 64
	mov cr3, rax
	hlt
	end write_cr3

	guest write_cr4, 64
	mov cr4, rax
	hlt
	end write_cr4

	guest write_cr8, 64
	mov cr8, rax
	hlt
	end write_cr8

	guest task_bits, 64
	clts
	mov rbx, cr0
	smsw ecx
	hlt
	end task_bits

	guest nowhere, 64
	jmp rax
	end nowhere

	/* Fills 1 MiB with a sequence repeatedly; an OUT reports the end of each pass. */
	guest fill, 64
1:	mov rdi, 0x100000
	mov ecx, 0x20000
2:	imul rax, rbx
	add rax, rdx
	mov [rdi], rax
	add rdi, 8
	dec ecx
	jnz 2b
	out 0x80, al
	jmp 1b
	end fill

	.section .note.GNU-stack, "", @progbits
