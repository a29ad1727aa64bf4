/**
 * A text as a Pod must have it among `env`, `command` and `args` so that its container gets just this text: the kubelet replaces
 * `$(NAME)` there, and a doubled dollar sign stands for one. Values out of Secrets and ConfigMaps are taken as they are.
 */
export const literal = (text: string): string => text.replaceAll('$', '$$$$');
