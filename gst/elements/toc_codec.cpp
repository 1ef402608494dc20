// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/toc_codec.h"

#include <utility>

namespace checkpoint {

namespace {

struct FreeToc {
  void operator()(GstToc *toc) const { gst_toc_unref(toc); }
  void operator()(GstTocEntry *entry) const { gst_toc_entry_unref(entry); }
};
using TocPtr = std::unique_ptr<GstToc, FreeToc>;
using TocEntryPtr = std::unique_ptr<GstTocEntry, FreeToc>;

Status corrupt() { return Status(Code::kCorrupt, "stored event toc: bad fields"); }

void set_common(GstStructure *s, GList *entries, GstTagList *tags);

StructurePtr entry_to_structure(const GstTocEntry *entry) {
  gint64 start = -1, stop = -1;
  GstTocLoopType loop = GST_TOC_LOOP_NONE;
  gint repeat = 0;
  gst_toc_entry_get_start_stop_times(entry, &start, &stop);
  gst_toc_entry_get_loop(entry, &loop, &repeat);
  StructurePtr s(gst_structure_new(
      "entry", "type", G_TYPE_INT, static_cast<int>(gst_toc_entry_get_entry_type(entry)), "uid",
      G_TYPE_STRING, gst_toc_entry_get_uid(entry), "start", G_TYPE_INT64, start, "stop",
      G_TYPE_INT64, stop, "loop", G_TYPE_INT, static_cast<int>(loop), "repeat", G_TYPE_INT, repeat,
      nullptr));
  set_common(s.get(), gst_toc_entry_get_sub_entries(entry), gst_toc_entry_get_tags(entry));
  return s;
}

void set_common(GstStructure *s, GList *entries, GstTagList *tags) {
  if (tags) gst_structure_set(s, "tags", GST_TYPE_TAG_LIST, tags, nullptr);
  GValue array = G_VALUE_INIT;
  g_value_init(&array, GST_TYPE_ARRAY);
  for (GList *at = entries; at; at = at->next) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed(&value, entry_to_structure(static_cast<GstTocEntry *>(at->data)).release());
    gst_value_array_append_and_take_value(&array, &value);
  }
  gst_structure_take_value(s, "entries", &array);
}

// A reference of the caller's own; null: none.
GstTagList *tags_of(const GstStructure *s) {
  GstTagList *tags = nullptr;
  gst_structure_get(s, "tags", GST_TYPE_TAG_LIST, &tags, nullptr);
  return tags;
}

template <typename Append>
Status read_entries(const GstStructure *s, Append append);

// No deeper than structures are read.
Result<TocEntryPtr> entry_from_structure(const GstStructure *s) {
  int type = 0, loop = 0, repeat = 0;
  gint64 start = -1, stop = -1;
  const char *uid = gst_structure_get_string(s, "uid");
  if (!uid || !gst_structure_get(s, "type", G_TYPE_INT, &type, "start", G_TYPE_INT64, &start,
                                 "stop", G_TYPE_INT64, &stop, "loop", G_TYPE_INT, &loop, "repeat",
                                 G_TYPE_INT, &repeat, nullptr))
    return corrupt();
  if (type < GST_TOC_ENTRY_TYPE_ANGLE || type > GST_TOC_ENTRY_TYPE_CHAPTER ||
      loop < GST_TOC_LOOP_NONE || loop > GST_TOC_LOOP_PING_PONG)
    return corrupt();
  TocEntryPtr entry(gst_toc_entry_new(static_cast<GstTocEntryType>(type), uid));
  gst_toc_entry_set_start_stop_times(entry.get(), start, stop);
  gst_toc_entry_set_loop(entry.get(), static_cast<GstTocLoopType>(loop), repeat);
  gst_toc_entry_set_tags(entry.get(), tags_of(s));
  CHECKPOINT_RETURN_IF_ERROR(read_entries(
      s, [&](TocEntryPtr sub) { gst_toc_entry_append_sub_entry(entry.get(), sub.release()); }));
  return entry;
}

template <typename Append>
Status read_entries(const GstStructure *s, Append append) {
  const GValue *array = gst_structure_get_value(s, "entries");
  if (!array || !GST_VALUE_HOLDS_ARRAY(array)) return corrupt();
  for (guint i = 0; i < gst_value_array_get_size(array); i++) {
    const GValue *value = gst_value_array_get_value(array, i);
    if (!GST_VALUE_HOLDS_STRUCTURE(value) || !gst_value_get_structure(value)) return corrupt();
    CHECKPOINT_ASSIGN_OR_RETURN(TocEntryPtr entry,
                                entry_from_structure(gst_value_get_structure(value)));
    append(std::move(entry));
  }
  return Status::ok();
}

}  // namespace

StructurePtr toc_to_structure(const GstToc *toc, bool updated) {
  StructurePtr s(gst_structure_new("toc", "scope", G_TYPE_INT,
                                   static_cast<int>(gst_toc_get_scope(toc)), "updated",
                                   G_TYPE_BOOLEAN, updated ? TRUE : FALSE, nullptr));
  set_common(s.get(), gst_toc_get_entries(toc), gst_toc_get_tags(toc));
  return s;
}

Result<EventPtr> toc_event_from_structure(const GstStructure *s) {
  int scope = 0;
  gboolean updated = FALSE;
  if (!gst_structure_get(s, "scope", G_TYPE_INT, &scope, "updated", G_TYPE_BOOLEAN, &updated,
                         nullptr) ||
      (scope != GST_TOC_SCOPE_GLOBAL && scope != GST_TOC_SCOPE_CURRENT))
    return corrupt();
  TocPtr toc(gst_toc_new(static_cast<GstTocScope>(scope)));
  gst_toc_set_tags(toc.get(), tags_of(s));
  CHECKPOINT_RETURN_IF_ERROR(read_entries(
      s, [&](TocEntryPtr entry) { gst_toc_append_entry(toc.get(), entry.release()); }));
  return EventPtr(gst_event_new_toc(toc.get(), updated));
}

}  // namespace checkpoint
