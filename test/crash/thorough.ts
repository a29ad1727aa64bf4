/** `npm run test:extended` also kills the operator where the world is as other kills leave it, and at random in more worlds. */
export const THOROUGH = process.env['SB_THOROUGH'] === '1';
