/** Which of a process's streams a frame carries: the first byte of its header. */
export const STREAM = { stdin: 0, stdout: 1, stderr: 2 } as const;

export const RAW_STREAM = 'application/vnd.docker.raw-stream';
export const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream';

/**
 * One frame of Docker's multiplexed stream (Engine API, ContainerAttach, "Stream format"): the stream's number, three
 * zero bytes, the length as a big-endian 32-bit number, the bytes.
 */
export function encodeFrame(stream: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(8 + payload.byteLength);
  frame.writeUInt32BE(stream << 24, 0);
  frame.writeUInt32BE(payload.byteLength, 4);
  payload.copy(frame, 8);
  return frame;
}
