// One line a step: a spinner with seconds on a terminal, two plain lines elsewhere.
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** Runs `work` under a line `title`; says how long it took. */
export async function step(title, work) {
  const out = process.stderr;
  const start = Date.now();
  const seconds = () => ((Date.now() - start) / 1000).toFixed(1);
  let timer;
  if (out.isTTY) {
    let frame = 0;
    timer = setInterval(() => {
      frame = (frame + 1) % FRAMES.length;
      out.write(`\r\x1b[2K${FRAMES[frame]} ${title} (${seconds()} s)`);
    }, 100);
  } else out.write(`${title} …\n`);
  try {
    const result = await work();
    out.write(
      out.isTTY
        ? `\r\x1b[2K\x1b[32m✓\x1b[0m ${title} (${seconds()} s)\n`
        : `${title}: done (${seconds()} s)\n`,
    );
    return result;
  } catch (error) {
    if (out.isTTY) out.write(`\r\x1b[2K\x1b[31m✗\x1b[0m ${title}\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}
