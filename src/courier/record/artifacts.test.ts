import { expect } from 'chai';
import { artifactManifest, type ArtifactEntry, type RecordedArtifact } from './artifacts.ts';

const copied = (over: Partial<RecordedArtifact> = {}): RecordedArtifact => ({
  source: '/app/out',
  place: 'output/app/out',
  type: 'directory',
  status: 'ok',
  exclude: ['*.pyc'],
  ...over,
});
const kept = (source: string, place: string): RecordedArtifact => ({
  source,
  place,
  type: 'directory',
  status: 'kept',
  exclude: [],
});
const said = ({ source, destination, type, status }: ArtifactEntry) => [source, destination, type, status];

describe('the manifest of artifacts', () => {
  it('has nothing to say of a Trial without any', () => {
    expect(artifactManifest([], ['agent/oracle.txt', 'trial.log'])).to.deep.equal([]);
  });

  it('has Harbor’s fields, and first the folder that needs no declaration', () => {
    expect(artifactManifest([copied()], ['output/app/out/x'])).to.deep.equal([
      {
        source: '/logs/artifacts',
        destination: 'artifacts',
        type: 'directory',
        status: 'empty',
        service: null,
        exclude: [],
      },
      {
        source: '/app/out',
        destination: 'artifacts/app/out',
        type: 'directory',
        status: 'ok',
        service: null,
        exclude: ['*.pyc'],
      },
    ]);
  });

  it('takes what is in no other artifact’s place for contents of that folder', () => {
    const [convention] = artifactManifest([copied()], ['output/app/out/x', 'output/report']);
    expect(convention?.status).to.equal('ok');
    expect(artifactManifest([], ['output/report'])).to.have.length(1);
  });

  it('says of what is kept under /logs whether it is there', () => {
    const recorded = [
      kept('/logs/artifacts/a', 'output/a'),
      kept('/logs/agent/trace', 'agent/trace'),
      kept('/logs/gone', 'output/.logs/gone'),
      kept('/logs/artifacts', 'output'),
    ];
    expect(artifactManifest(recorded, ['output/a', 'agent/trace/1']).map(said)).to.deep.equal([
      ['/logs/artifacts/a', 'artifacts/a', 'file', 'ok'],
      ['/logs/agent/trace', 'agent/trace', 'directory', 'ok'],
      ['/logs/gone', 'artifacts/.logs/gone', 'directory', 'failed'],
      ['/logs/artifacts', 'artifacts', 'directory', 'ok'],
    ]);
  });
});
