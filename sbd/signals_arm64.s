#include "textflag.h"

// onStop(signal R0, *siginfo R1): writes to stopFD where si_code and si_pid are 0. Everything it changes comes back with rt_sigreturn.
TEXT onStop<>(SB), NOSPLIT|NOFRAME, $0
	MOVW 8(R1), R2
	CBNZW R2, done
	MOVW 16(R1), R2
	CBNZW R2, done
	MOVW ·stopFD(SB), R0
	MOVD $·one(SB), R1
	MOVD $8, R2
	MOVD $64, R8 // write
	SVC

done:
	RET

TEXT restore<>(SB), NOSPLIT|NOFRAME, $0
	MOVD $139, R8 // rt_sigreturn
	SVC
	BRK

TEXT ·onStopPC(SB), NOSPLIT, $0-8
	MOVD $onStop<>(SB), R0
	MOVD R0, ret+0(FP)
	RET

TEXT ·restorePC(SB), NOSPLIT, $0-8
	MOVD $restore<>(SB), R0
	MOVD R0, ret+0(FP)
	RET
