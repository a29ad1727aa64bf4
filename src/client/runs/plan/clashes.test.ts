import { expect } from 'chai';
import { parseTaskToml } from '../../../tasks/index.ts';
import { clashNotes } from './clashes.ts';

const task = (artifacts: string) =>
  ({ task: { name: 'a', config: parseTaskToml(`artifacts = ${artifacts}\n`) } }) as Parameters<
    typeof clashNotes
  >[0][number];

describe('Two artifacts with one destination', () => {
  it('are noted before the run', () => {
    expect(
      clashNotes([task('[{source = "/a", destination = "x"}, {source = "/b", destination = "./x"}]')]),
    ).to.deep.equal(['note: a: the artifacts /a and /b have one destination, x; the first is kept']);
    expect(clashNotes([task('["/x", {source = "/b", destination = "x"}]')])).to.have.length(1);
  });

  it('are judged as they are stored: in a folder where the destination is one', () => {
    const into = (...pairs: [string, string][]) =>
      clashNotes([
        task(`[${pairs.map(([source, to]) => `{source = "${source}", destination = "${to}"}`).join()}]`),
      ]);
    expect(into(['/a/x', 'logs/'], ['/a/y', 'logs/'])).to.deep.equal([]);
    expect(into(['/a/x', 'logs/'], ['/b/x/', 'logs/'])).to.have.length(1);
    expect(into(['/a/x', 'logs/'], ['/b', 'logs/x'])).to.have.length(1);
  });

  it('are none where the destinations differ, or the source is the same', () => {
    expect(clashNotes([task('["/a", "/b"]'), task('["/a", "/a"]')])).to.deep.equal([]);
  });
});
