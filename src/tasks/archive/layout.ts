/** What an archive says of its files beyond their contents. */
import { inflateRawSync } from 'node:zlib';
import { layoutOf } from '../metadata.ts';
import { ArchiveError, readDirectory, type Entry, type Source } from './directory.ts';
import { inMemory } from './unpack.ts';

/** `layoutOf` of every file and link of a `task.zip`, by its path. Throws ArchiveError. */
export async function layoutOfArchive(archive: Uint8Array): Promise<Map<string, string>> {
  const source = inMemory(archive);
  const entries = await readDirectory(source, () => true);
  const files = entries.filter(({ kind }) => kind !== 'folder');
  return new Map(
    await Promise.all(files.map(async (entry) => [entry.path, await layout(entry, source)] as const)),
  );
}

async function layout(entry: Entry, source: Source): Promise<string> {
  if (entry.kind === 'link') return layoutOf({ link: await targetOf(entry, source), executable: false });
  const permissions = entry.mode & 0o7777;
  if (permissions === 0o755 || permissions === 0o644) return layoutOf({ executable: permissions === 0o755 });
  return layoutOf({ mode: permissions, executable: false });
}

const LOCAL_HEADER = 30;

async function targetOf({ path, offset, compressed, method }: Entry, source: Source): Promise<string> {
  const header = await source.read(offset, LOCAL_HEADER);
  const start = offset + LOCAL_HEADER + header.readUInt16LE(26) + header.readUInt16LE(28);
  const contents = await source.read(start, compressed);
  try {
    return (method === 'stored' ? contents : inflateRawSync(contents)).toString();
  } catch (cause) {
    throw new ArchiveError(`${JSON.stringify(path)} is damaged`, { cause });
  }
}
