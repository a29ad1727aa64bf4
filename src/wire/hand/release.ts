/**
 * Gives the memory of bytes back now that nobody looks at them any more. Left to V8, a buffer lies there until its next collection; and since what
 * buffers hold counts, a stream of them has it go through the whole heap every few dozen mebibytes, which costs more than all else that is done
 * with a byte. Only for whoever was handed them alone: what shares its memory with others stays as it is, and so does
 * what was given back before.
 */
export function release({ buffer, byteLength }: Uint8Array): void {
  if (byteLength > 0 && buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
