ALTER TABLE "RawIngestion" DROP COLUMN "query";
