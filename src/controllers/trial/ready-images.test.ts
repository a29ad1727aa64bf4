import { expect } from 'chai';
import { aTrial, compiledTrial } from '../../../test/support/builders/objects.ts';
import { READY } from '../../../test/support/builders/trial-seen.ts';
import type { ImageSeen } from '../../images/image.ts';
import { readyImages } from './ready-images.ts';

const compiled = compiledTrial(aTrial());
const FAILED: ImageSeen = { kind: 'failed', reason: 'BuildFailed', message: 'TaskBuild b: no' };
const TO_BUILD: ImageSeen = { kind: 'toBuild', taskBuild: 'b' };
const BUILDING: ImageSeen = { kind: 'building', taskBuild: 'b', message: 'TaskBuild b: Running' };

describe('the images of a Trial with a separate verifier', () => {
  it('are there when all are', () => {
    const { image } = READY as ImageSeen & { kind: 'ready' };
    expect(readyImages({ agent: READY, verifier: READY }, compiled)).to.deep.equal({
      kind: 'ready',
      images: { agent: image, verifier: image },
    });
  });

  it('are waited for while one is not, which the message names', () => {
    expect(readyImages({ agent: READY, 'verifier-2': BUILDING }, compiled)).to.deep.equal({
      kind: 'wait',
      reason: 'BuildingImage',
      message: 'image of the verifier of step 2: TaskBuild b: Running',
    });
  });

  it('are built side by side', () => {
    expect(readyImages({ agent: BUILDING, verifier: TO_BUILD }, compiled)).to.include({
      kind: 'createBuild',
      role: 'verifier',
      taskBuild: 'b',
    });
  });

  it('will not all be there where one has failed', () => {
    expect(readyImages({ agent: TO_BUILD, verifier: FAILED }, compiled)).to.deep.equal({
      kind: 'fail',
      reason: 'BuildFailed',
      message: 'image of the verifier: TaskBuild b: no',
    });
  });
});
