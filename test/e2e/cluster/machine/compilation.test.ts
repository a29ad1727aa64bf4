import { expect } from 'chai';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compilation, timeLeft } from './compilation.ts';
import { scratchFolder } from './paths.ts';

const MINUTE = 60_000;

describe('what is left of a Go build', () => {
  it('says nothing before a tenth is compiled', () => {
    expect(timeLeft(0.09, MINUTE)).to.equal('');
  });

  it('takes the speed so far for the rest, and a minute for the cluster itself', () => {
    expect(timeLeft(0.25, 2 * MINUTE)).to.equal('cluster in about 7 min');
    expect(timeLeft(0.5, 4 * MINUTE)).to.equal('cluster in about 5 min');
    expect(timeLeft(1, 6 * MINUTE)).to.equal('cluster in about 1 min');
  });

  it('weighs packages by their source, and each once', () => {
    using scratch = scratchFolder('compilation');
    const folder = join(scratch.path, 'package');
    mkdirSync(folder);
    writeFileSync(join(folder, 'large.go'), 'x'.repeat(300));
    writeFileSync(join(folder, 'small.go'), 'x'.repeat(100));
    let time = 0;
    const list = `k8s.io/large\t${folder}\tlarge.go\nk8s.io/small\t${folder}\tsmall.go\n`;
    const build = compilation(list, () => time);
    time = 5 * MINUTE;
    expect(build.left()).to.equal('');
    build.began('go: downloading k8s.io/large v1.34.4');
    expect(build.left()).to.equal('');
    build.began('k8s.io/small');
    build.began('k8s.io/small');
    expect(build.left()).to.equal('cluster in about 16 min');
    build.began('k8s.io/large');
    expect(build.left()).to.equal('cluster in about 1 min');
  });

  it('is as good as over where everything was compiled before', () => {
    expect(compilation('').left()).to.equal('cluster in about 1 min');
  });
});
