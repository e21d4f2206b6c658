/** A process that pulls an image into a directory, to be killed at it: `pull-image.ts DIRECTORY REFERENCE`. */
import { silentLog } from '../../src/base/index.ts';
import { openImageLibrary } from '../../src/engine/index.ts';

const [directory, reference] = process.argv.slice(2);
const library = await openImageLibrary({ directory: directory!, log: silentLog });
await library.pull(reference!, { tlsVerify: false });
