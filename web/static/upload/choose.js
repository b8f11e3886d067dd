// Choosing what to upload: files and folders that are dropped or chosen.

const ending = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ts|mts|m2ts|3gp|wmv|flv|ogv|mxf)$/i;

/** Whether a file is a video, as far as its type and name tell. */
export const isVideo = (file) => file.type.startsWith('video/') || ending.test(file.name);

/** The files of what was dropped, folders walked. Call it at once: the list is gone after the event. */
export async function dropped(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === 'file').map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const files = [];
  for (const entry of entries) await walk(entry, files, false);
  return files;
}

/** Puts what lies under an entry into files: {file, inFolder}. */
async function walk(entry, files, inFolder) {
  if (!entry) return;
  if (entry instanceof File) { files.push({ file: entry, inFolder }); return; }
  if (entry.isFile) { files.push({ file: await new Promise((done, fail) => { entry.file(done, fail); }), inFolder }); return; }
  const reader = entry.createReader();
  for (;;) { // It gives some at a time, and none at the end.
    const some = await new Promise((done, fail) => { reader.readEntries(done, fail); });
    if (some.length === 0) return;
    for (const next of some) await walk(next, files, true);
  }
}

/**
 * Wires the place for dropping and the two buttons. take gets the files to
 * upload and the number of those in folders that are no videos. What somebody
 * chose by itself is taken whatever its name is. failed gets the Error of a
 * folder that cannot be read.
 */
export function wireChoosing({ place, files, folder }, take, failed) {
  const sort = (all) => {
    const wanted = all.filter(({ file, inFolder }) => !inFolder || isVideo(file));
    take(wanted.map(({ file }) => file), all.length - wanted.length);
  };
  const chosen = (inFolder) => (event) => {
    sort([...event.target.files].map((file) => ({ file, inFolder })));
    event.target.value = '';
  };
  files.addEventListener('change', chosen(false));
  folder.addEventListener('change', chosen(true));
  for (const kind of ['dragenter', 'dragover']) {
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      place.classList.add('over');
    });
  }
  document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) place.classList.remove('over'); });
  document.addEventListener('drop', async (event) => {
    place.classList.remove('over');
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    try { sort(await dropped(event.dataTransfer)); } catch (err) { failed(err); }
  });
}
