// The choice of a model: cards of the catalogue, an address, a file, and what is kept in this browser.
import {
  type CachedFile,
  type CatalogueEntry,
  CamelGPTInference,
  type Inspection,
} from "@gpt-research/camelgpt-inference";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { bytes, fill, number, words } from "../i18n/words.js";
import { loadModel, type Source } from "../state/model.js";
import { change } from "../state/settings.js";
import { Dialog } from "../ui/dialog.js";
import { Problem } from "../ui/problem.js";
import { type LocalModel, localModels } from "./local-models.js";

const t = words({
  title: ["Choose a model", "选择模型", "Elegir un modelo", "Modell wählen", "モデルを選ぶ"],
  use: ["Use", "使用", "Usar", "Verwenden", "使う"],
  details: ["Memory", "内存", "Memoria", "Speicher", "メモリ"],
  parameters: ["{n} parameters", "{n} 参数", "{n} parámetros", "{n} Parameter", "パラメータ {n}"],
  licence: [
    "Licence: {licence}",
    "许可证：{licence}",
    "Licencia: {licence}",
    "Lizenz: {licence}",
    "ライセンス：{licence}",
  ],
  here: ["on this computer", "在本机", "en este equipo", "auf diesem Computer", "このコンピューター上"],
  included: ["in the package", "已包含", "en el paquete", "im Paket", "パッケージ内"],
  toDownload: ["to download", "需下载", "por descargar", "herunterzuladen", "要ダウンロード"],
  needs: [
    "Needs {size} of memory, for {n} tokens of context.",
    "需要 {size} 内存，上下文 {n} 词元。",
    "Necesita {size} de memoria, con un contexto de {n} tokens.",
    "Braucht {size} Arbeitsspeicher bei {n} Token Kontext.",
    "メモリ {size} が必要（コンテキスト {n} トークン）。",
  ],
  address: [
    "Another model: the address of a GGUF file, or owner/repo of a hub",
    "其他模型：GGUF 文件地址，或 hub 上的 owner/repo",
    "Otro modelo: la dirección de un archivo GGUF, u owner/repo de un hub",
    "Anderes Modell: Adresse einer GGUF-Datei oder owner/repo eines Hubs",
    "別のモデル：GGUF ファイルの URL、または hub の owner/repo",
  ],
  file: [
    "Or a .gguf file of this computer (it can also be dropped anywhere on the page)",
    "或本机的 .gguf 文件（也可拖放到页面任意位置）",
    "O un archivo .gguf de este equipo (también se puede soltar en la página)",
    "Oder eine .gguf-Datei dieses Computers (sie kann auch auf die Seite gezogen werden)",
    "またはこのコンピューターの .gguf ファイル（ページにドロップも可能）",
  ],
  kept: [
    "Kept in this browser",
    "已保存在此浏览器",
    "Guardados en este navegador",
    "In diesem Browser gespeichert",
    "このブラウザーに保存済み",
  ],
  remove: ["Remove", "删除", "Eliminar", "Entfernen", "削除"],
});

export function ModelDialog({ onClose }: { onClose: () => void }) {
  const entries = useSignal<readonly CatalogueEntry[]>([]);
  const local = useSignal<readonly LocalModel[]>([]);
  const address = useSignal("");
  useEffect(() => {
    void CamelGPTInference.listCatalogue().then((found) => (entries.value = found));
    void localModels().then((found) => (local.value = found));
  }, []);
  const use = (source: Source) => {
    onClose();
    if (typeof source === "string") change({ model: source });
    void loadModel(source);
  };
  return (
    <Dialog title={t.title} onClose={onClose}>
      <ul class="model-cards">
        {entries.value.map((entry) => (
          <Card key={entry.name} entry={entry} local={local.value.find(({ name }) => name === entry.name)} use={use} />
        ))}
      </ul>
      <form
        class="field"
        onSubmit={(event) => {
          event.preventDefault();
          if (address.value.trim() !== "") use(address.value.trim());
        }}
      >
        <label for="model-address">{t.address}</label>
        <div class="row">
          <input
            id="model-address"
            type="text"
            spellcheck={false}
            autocomplete="off"
            value={address.value}
            onInput={({ currentTarget }) => (address.value = currentTarget.value)}
          />
          <button type="submit">{t.use}</button>
        </div>
      </form>
      <div class="field">
        <label for="model-file">{t.file}</label>
        <input
          id="model-file"
          type="file"
          accept=".gguf"
          onChange={({ currentTarget }) => {
            const file = currentTarget.files?.[0];
            if (file) use(file);
          }}
        />
      </div>
      <Kept />
    </Dialog>
  );
}

interface CardProps {
  entry: CatalogueEntry;
  local: LocalModel | undefined;
  use: (source: Source) => void;
}

function Card({ entry, local, use }: CardProps) {
  const { name, title, parameters, licence, use: purpose } = entry;
  const found = useSignal<Inspection | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const isIncluded = entry.repository === undefined;
  const size = local?.bytes ?? entry.bytes;
  const inspect = () =>
    CamelGPTInference.inspect(local?.url ?? name, { cache: false }).then(
      (inspection) => (found.value = inspection),
      (error: unknown) => (problem.value = error),
    );
  return (
    <li class="card">
      <h3>{title}</h3>
      <p>{purpose}</p>
      <small>
        {[
          fill(t.parameters, { n: parameters < 1e6 ? number(parameters) : `${number(parameters / 1e6)} M` }),
          size !== undefined && bytes(size),
          isIncluded ? t.included : local ? t.here : t.toDownload,
        ]
          .filter(Boolean)
          .join(" · ")}
      </small>
      <small>{fill(t.licence, { licence })}</small>
      {found.value && (
        <small>
          {fill(t.needs, {
            size: bytes(found.value.memoryPlan.totalBytes),
            n: number(found.value.memoryPlan.contextLength),
          })}
        </small>
      )}
      <Problem error={problem.value} />
      <div class="row">
        <button type="button" class="primary" aria-label={`${t.use}: ${title}`} onClick={() => use(name)}>
          {t.use}
        </button>
        {!found.value && (
          <button type="button" class="plain" aria-label={`${t.details}: ${title}`} onClick={() => void inspect()}>
            {t.details}
          </button>
        )}
      </div>
    </li>
  );
}

/** The downloads that this browser keeps. */
function Kept() {
  const kept = useSignal<readonly CachedFile[]>([]);
  const problem = useSignal<unknown>(undefined);
  const list = () =>
    CamelGPTInference.listCached().then(
      (files) => (kept.value = files),
      (error: unknown) => (problem.value = error),
    );
  useEffect(() => void list(), []);
  const remove = async (url: string) => {
    problem.value = undefined;
    await CamelGPTInference.deleteCached(url).catch((error: unknown) => (problem.value = error));
    await list();
  };
  if (kept.value.length === 0 && problem.value === undefined) return null;
  return (
    <section class="stack">
      <h3>{t.kept}</h3>
      {kept.value.map(({ url, bytes: size }) => (
        <div class="row" key={url}>
          <span>{url.split("/").at(-1)}</span>
          <small class="figures">{bytes(size)}</small>
          <button type="button" class="plain" onClick={() => void remove(url)}>
            {t.remove}
          </button>
        </div>
      ))}
      <Problem error={problem.value} />
    </section>
  );
}
