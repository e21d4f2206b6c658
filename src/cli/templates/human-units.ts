const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'];

/** `1.234MB`: go-units' HumanSizeWithPrecision; Podman shows sizes with 3 digits, Docker's HumanSize has 4. */
export function humanSize(bytes: number, digits = 4): string {
  return scaled(bytes, 1000, DECIMAL, digits);
}

/** `1.5GiB`: go-units' BytesSize. */
export function binarySize(bytes: number): string {
  return scaled(bytes, 1024, BINARY, 4);
}

function scaled(bytes: number, base: number, units: readonly string[], digits: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= base && unit < units.length - 1) {
    size /= base;
    unit += 1;
  }
  return `${general(size, digits)}${units[unit]}`;
}

/** C's and Go's `%.{digits}g`. */
function general(value: number, digits: number): string {
  const text = value.toPrecision(digits);
  if (text.includes('e')) {
    const [mantissa, exponent] = text.split('e') as [string, string];
    const short = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
    return `${short}e${exponent.replace(/^([+-])(\d)$/, '$10$2')}`;
  }
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
