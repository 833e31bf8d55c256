/* Every form of instruction that the emulator knows, with a device at RDI and RAM or a device at RSI. Bit 0 of a
 * row's flags: AF is undefined. Bit 1: only CF is defined. */
	.section .rodata
	.globl encodings
encodings:

.macro T flags:req, text:vararg
	.pushsection .text.encodings, "ax"
1:	\text
2:	.popsection
	.pushsection .rodata.names, "aMS", @progbits, 1
3:	.string "\text"
	.popsection
	.quad 1b, 3b
	.long 2b - 1b, \flags
.endm

.irp r, %al, %ah, %ax, %eax, %rax, %r9b, %r9w, %r9d, %r9, %sil
	T 0, mov \r, (%rdi)
	T 0, mov (%rdi), \r
.endr
	T 0, movb $0x5a, (%rdi)
	T 0, movw $0x5aa5, 2(%rdi)
	T 0, movl $0x5aa55aa5, 4(%rdi)
	T 0, movq $-3, 8(%rdi)
	T 0, mov %edx, 4(%rdi,%rcx,8)
	T 0, mov %edx, -8(%edi)
	T 0, movnti %rdx, (%rdi)
	T 0, movbe %edx, (%rdi)
	T 0, movbe (%rdi), %r10
	T 0, movbe (%rdi), %dx
.irp i, movzbw, movsbw
	T 0, \i (%rdi), %ax
.endr
.irp i, movzbl, movzwl, movsbl, movswl
	T 0, \i (%rdi), %eax
.endr
.irp i, movzbq, movzwq, movsbq, movswq, movslq
	T 0, \i (%rdi), %r11
.endr
.irp i, add, adc, sub, sbb, cmp
	T 0, \i %dl, (%rdi)
	T 0, \i (%rdi), %dh
	T 0, \i %dx, (%rdi)
	T 0, \i (%rdi), %edx
	T 0, \i %rdx, (%rdi)
	T 0, \i (%rdi), %r12
	T 0, \i\()b $0x7f, (%rdi)
	T 0, \i\()w $-1, (%rdi)
	T 0, \i\()l $0x12345678, (%rdi)
	T 0, \i\()q $-0x12345678, (%rdi)
.endr
.irp i, and, or, xor, test
	T 1, \i %dl, (%rdi)
	T 1, \i %dx, (%rdi)
	T 1, \i %edx, (%rdi)
	T 1, \i %rdx, (%rdi)
	T 1, \i\()b $0x81, (%rdi)
	T 1, \i\()l $0x12345678, (%rdi)
	T 1, \i\()q $-2, (%rdi)
.endr
.irp i, inc, dec, neg, not
	T 0, \i\()b (%rdi)
	T 0, \i\()w (%rdi)
	T 0, \i\()l (%rdi)
	T 0, \i\()q (%rdi)
	T 0, lock \i\()l (%rdi)
.endr
.irp r, %dl, %dh, %dx, %edx, %rdx
	T 0, xchg \r, (%rdi)
	T 0, xadd \r, (%rdi)
	T 0, cmpxchg \r, (%rdi)
	T 0, lock cmpxchg \r, (%rdi)
.endr
.irp i, bt, bts, btr, btc
	T 2, \i %r13w, (%rdi)
	T 2, \i %r13d, (%rdi)
	T 2, \i %r13, (%rdi)
	T 2, \i\()l $29, (%rdi)
	T 2, \i\()q $61, (%rdi)
.endr
.irp s, b, w, l, q
	T 0, movs\s
	T 0, rep movs\s
	T 0, stos\s
	T 0, rep stos\s
	T 0, lods\s
	T 0, cmps\s
	T 0, repe cmps\s
	T 0, repne cmps\s
	T 0, scas\s
	T 0, repe scas\s
	T 0, repne scas\s
.endr
	.quad 0
	.section .note.GNU-stack, "", @progbits
