#include "textflag.h"

// onStop(signal DI, *siginfo SI): writes to stopFD where si_code and si_pid are 0. Everything it changes comes back with rt_sigreturn.
TEXT onStop<>(SB), NOSPLIT|NOFRAME, $0
	CMPL 8(SI), $0
	JNE  done
	CMPL 16(SI), $0
	JNE  done
	MOVL ·stopFD(SB), DI
	LEAQ ·one(SB), SI
	MOVL $8, DX
	MOVL $1, AX // write
	SYSCALL

done:
	RET

TEXT restore<>(SB), NOSPLIT|NOFRAME, $0
	MOVL $15, AX // rt_sigreturn
	SYSCALL
	INT  $3

TEXT ·onStopPC(SB), NOSPLIT, $0-8
	LEAQ onStop<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET

TEXT ·restorePC(SB), NOSPLIT, $0-8
	LEAQ restore<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET
