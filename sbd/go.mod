module sb.abundant.ai/sbd

go 1.26
