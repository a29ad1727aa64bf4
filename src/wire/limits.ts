/** How much the one side writes at most, and the other reads: apart from what checks it, for the courier checks nothing of its own. */

/** The operator reads no larger `outcome.json`. */
export const OUTCOME_MAX_BYTES = 16 * 1024;
/** Longest termination message: the kubelet cuts what is longer, in the middle of whatever it is. */
export const MESSAGE_MAX_BYTES = 4096;
/** Steps listed in an `outcome.json`; more have no room in it. */
export const STEPS_LISTED_MAX = 128;
