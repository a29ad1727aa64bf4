import { expect } from 'chai';
import { parseTaskToml } from '../../tasks/index.ts';
import { clashNotes } from './clashes.ts';

const task = (artifacts: string) =>
  ({ task: { name: 'a', config: parseTaskToml(`artifacts = ${artifacts}\n`) } }) as Parameters<
    typeof clashNotes
  >[0][number];

describe('Two artifacts with one destination', () => {
  it('are noted before the run', () => {
    expect(
      clashNotes([task('[{source = "/a", destination = "x"}, {source = "/b", destination = "./x"}]')]),
    ).to.deep.equal(['note: a: the artifacts /a and /b have one destination, x; one is kept']);
    expect(clashNotes([task('["/x", {source = "/b", destination = "x"}]')])).to.have.length(1);
  });

  it('are none where the destinations differ, or the source is the same', () => {
    expect(clashNotes([task('["/a", "/b"]'), task('["/a", "/a"]')])).to.deep.equal([]);
  });
});
