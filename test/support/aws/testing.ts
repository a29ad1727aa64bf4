/** What tests of a `describe` share. */
import { startFront, type AwsFront } from './front.ts';
import { needMoto, type Moto } from './moto.ts';

export interface Fronted {
  moto: Moto;
  front: AwsFront;
}

/** moto with nothing in it before each test, and its front; the tests are pending where moto was never installed. There is no registry behind it. */
export function useFront(): Fronted {
  const used = {} as Fronted;
  before(async function () {
    used.moto = await needMoto(this, { prepared: false });
    used.front = await startFront({ moto: used.moto.url, registry: 'http://127.0.0.1:1' });
  });
  beforeEach(async () => {
    const { moto, front } = used;
    await moto.reset();
    front.calls.all.length = 0;
    front.simulator.reset();
  });
  after(async () => {
    await used.front?.close();
    await used.moto?.close();
  });
  return used;
}
