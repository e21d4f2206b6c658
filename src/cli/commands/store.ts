import { OrreryError } from '../../base/index.ts';
import { checkStore } from '../../store/index.ts';
import { dataDirectoryOf } from '../config.ts';
import { dataDirectoryAt } from '../data-directory.ts';
import { formatBytes, outputFormat, printStructured } from '../output.ts';

export async function checkStoreCommand(flags: { dataDir?: string; output?: string }): Promise<void> {
  const format = outputFormat(flags.output);
  const directory = dataDirectoryAt(dataDirectoryOf(flags.dataDir));
  const report = await checkStore(directory.store);
  if (format !== 'text') await printStructured(report, format);
  else {
    process.stdout.write(
      `store       ${directory.store}\nrevision    ${report.revision} (history from ${report.compactedRevision})\n` +
        `keys        ${report.keys}\nlog         ${report.logEntries} entries, ${formatBytes(report.bytes)}\n`,
    );
    for (const problem of report.problems) process.stdout.write(`problem     ${problem}\n`);
  }
  if (!report.ok) {
    throw new OrreryError(
      'StoreInconsistent',
      `the store has ${report.problems.length} problem${report.problems.length === 1 ? '' : 's'}`,
      {
        hint: 'keep a copy of the data directory before anything else',
      },
    );
  }
  if (format === 'text') process.stdout.write('consistent\n');
}
