export interface TabStops {
  minimumWidth: number;
  padding: number;
}

/** What Podman gives Go's tabwriter. */
export const PODMAN_TABS: TabStops = { minimumWidth: 12, padding: 2 };
export const DOCKER_TABS: TabStops = { minimumWidth: 10, padding: 3 };

/**
 * Lines with cells that end in tabs become columns, as Go's text/tabwriter makes them: a column is a run of
 * lines that have a cell there; the text after the last tab of a line is in no column.
 */
export function alignColumns(text: string, stops: TabStops = PODMAN_TABS): string {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const widths = lines.map((): number[] => []);
  const layOut = (from: number, to: number, column: number): void => {
    for (let start = from; start < to; start++) {
      if (lines[start]!.length - 1 <= column) continue;
      let end = start;
      let width = stops.minimumWidth;
      for (; end < to && lines[end]!.length - 1 > column; end++) {
        width = Math.max(width, [...lines[end]![column]!].length + stops.padding);
      }
      for (let i = start; i < end; i++) widths[i]![column] = width;
      layOut(start, end, column + 1);
      start = end - 1;
    }
  };
  layOut(0, lines.length, 0);
  return lines
    .map((cells, i) =>
      cells
        .map((cell, column) => {
          const width = widths[i]![column];
          return width === undefined ? cell : cell + ' '.repeat(Math.max(0, width - [...cell].length));
        })
        .join(''),
    )
    .join('\n');
}
