import { expect } from 'chai';
import { load } from 'js-yaml';
import { OVERLAYS, type Overlay } from '../installation/overlays.ts';
import { overlayFolder } from './kustomize.ts';

const overlay = OVERLAYS['aws'] as Overlay;
const kustomization = (changes: Partial<Overlay> = {}): string =>
  overlayFolder({ ...overlay, ...changes }, '1.2.3')['kustomization.yaml'] ?? '';

describe('An overlay that an admin edits', () => {
  it('begins with what it is for, and has each comment above the line that it is about', () => {
    const lines = kustomization({ about: ['For tests.'] }).split('\n');
    expect(lines[0]).to.equal('# For tests.');
    const below = (comment: string) =>
      lines[lines.findIndex((line) => line.trim() === `# ${comment}`) + 1]?.trim();
    expect(below(overlay.imageAbout)).to.match(/^digest: sha256:0{64}$/);
    expect(below('Empty: the bucket is in SB_AWS_REGION.')).to.equal('- SB_S3_REGION=');
    expect(below(overlay.clientAbout[1])).to.equal('- profile=aws');
  });

  it('refuses a comment about nothing', () => {
    expect(() => kustomization({ clientAbout: ['endpoint', 'of AWS there is none'] })).to.throw(
      '- endpoint=',
    );
  });

  it('brings a namespace for Trials only where an admin opens namespaces to them', () => {
    const { trials: _trials, ...open } = overlay;
    const files = overlayFolder(open, '1.2.3');
    expect(Object.keys(files)).to.deep.equal(['kustomization.yaml']);
    expect(load(files['kustomization.yaml'] ?? '')).not.to.have.property('components');
  });
});
