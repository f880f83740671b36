// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the nearest of the names that exist. Pure.

/** Edits (insert, delete, replace, swap of neighbours) between two words. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] as number) + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  return last[b.length] as number;
}

/** The names that someone who typed `word` may have meant, nearest first; at most three. */
export function nearest(word: string, names: readonly string[]): string[] {
  const limit = Math.max(1, Math.floor(word.length / 3) + (word.length > 3 ? 1 : 0));
  const near = names
    .map((name) => ({ name, edits: name.startsWith(word) && word.length > 1 ? 1 : distance(word, name) }))
    .filter(({ edits }) => edits <= limit)
    .sort((a, b) => a.edits - b.edits || a.name.localeCompare(b.name));
  // Those that are clearly farther than the nearest are noise.
  const least = near[0]?.edits ?? 0;
  return near
    .filter(({ edits }) => edits <= least + 1)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** `; did you mean a or b?`, or nothing. */
export function didYouMean(word: string, names: readonly string[]): string | undefined {
  const near = nearest(word, names);
  return near.length === 0 ? undefined : `did you mean ${near.join(" or ")}?`;
}
