// Where a job's files are.

/** The address of a job and what belongs to it. base: of the API, without a slash at its end; share: the token of a share link. */
export function jobURL(id, { base = '', share = '', path = '' } = {}) {
  return `${base}/v1/jobs/${encodeURIComponent(id)}${path}${share ? `?share=${encodeURIComponent(share)}` : ''}`;
}

/** The address of a file of a job's result. */
export function fileURL(id, path, from = {}) {
  return jobURL(id, { ...from, path: `/files/${path.split('/').map(encodeURIComponent).join('/')}` });
}

/** The address that has the browser save a file. */
export const saveURL = (id, path) => `${fileURL(id, path)}?download=true`;

/** The addresses of what a player shows of a job, absent where the job has no such file. */
export function playable(job, from = {}) {
  const has = (path) => (job.outputs?.some((out) => out.path === path) ? fileURL(job.id, path, from) : undefined);
  return {
    hls: has('hls/master.m3u8'), video: has('video.mp4'), overlay: has('overlay.mp4'), pose: has('pose.json.gz'), poster: has('poster.jpg'),
    webm: has('silhouette.webm'), stacked: has('silhouette.mp4'),
  };
}
